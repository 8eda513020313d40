from collections.abc import Callable

import pytest

SweepBy = Callable[[str], None]


@pytest.fixture
def sweep_by(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> SweepBy:
    """Put another `sfbench` before ours on the path of processes to come: a script in place of a sweep."""
    package = tmp_path_factory.mktemp("path") / "sfbench"
    package.mkdir()
    (package / "__init__.py").write_text("")

    def write(script: str) -> None:
        (package / "__main__.py").write_text(script)
        monkeypatch.setenv("PYTHONPATH", str(package.parent))

    return write
