import re
from pathlib import Path

from splitfed_core.errors import CellError, ConfigError, DataError, ExitCode

README = Path(__file__).parents[2] / "README.md"


def test_the_readme_lists_the_exit_codes() -> None:
    _, listed = re.sub(r"\s+", " ", README.read_text()).split("Exit codes: ")
    told = re.findall(r"(?:^|· )(\d+) ", listed.partition(" ### ")[0])
    assert [int(code) for code in told] == list(ExitCode)


def test_an_error_knows_its_exit_code() -> None:
    assert [error.exit_code for error in (ConfigError, DataError, CellError)] == [2, 3, 3]
