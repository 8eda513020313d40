"""Mutants that no test can kill, as they do the same: each with its reason, in equivalents.toml."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from tests.mutants.operators import Mutant

FILE = Path(__file__).with_name("equivalents.toml")


@dataclass(frozen=True)
class Equivalent:
    """A change of a statement that changes nothing."""

    file: str
    function: str
    old: str
    new: str
    reason: str

    def is_of(self, file: str, mutant: Mutant) -> bool:
        """Whether it is this mutant of that file."""
        return (self.file, self.function, self.old, self.new) == (file, mutant.function, mutant.old, mutant.new)


def accepted() -> list[Equivalent]:
    """Return all that are accepted."""
    return [Equivalent(**entry) for entry in tomllib.loads(FILE.read_text("utf-8")).get("equivalent", [])]
