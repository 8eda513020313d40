import re
from pathlib import Path

from splitfed_core import errors
from splitfed_core.errors import CellError, ConfigError, DataError, ExitCode

README = Path(__file__).parents[2] / "README.md"


def test_the_readme_lists_the_exit_codes() -> None:
    _, listed = re.sub(r"\s+", " ", README.read_text()).split("Exit codes: ")
    listed_codes = re.findall(r"(?:^|· )(\d+) ", listed.partition(" ### ")[0])
    assert [int(code) for code in listed_codes] == list(ExitCode)


def test_an_error_knows_its_exit_code() -> None:
    assert [error.exit_code for error in (ConfigError, DataError, CellError)] == [2, 3, 3]


def test_the_tree_that_opens_the_module_is_that_of_its_classes() -> None:
    drawn: list[type] = []
    parents: dict[str, str] = {}
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"([│├└─ ]*)(\w+Error)\b", line)
        if found:
            depth = len(found[1]) // 4
            drawn = [*drawn[:depth], getattr(errors, found[2])]
            parents[found[2]] = drawn[-2].__name__ if depth else "Exception"
            assert len(drawn) == depth + 1, line
    classes = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)]
    assert parents == {error.__name__: error.__base__.__name__ for error in classes if error.__base__}
