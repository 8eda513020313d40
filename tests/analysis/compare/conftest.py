import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.analysis.compare.edits import SMALL

MakeRun = Callable[..., Path]


@pytest.fixture
def base(make_run: MakeRun) -> Path:
    return make_run("main", **SMALL)


@pytest.fixture
def head(base: Path) -> Path:
    return Path(shutil.copytree(base, base.with_name("change")))
