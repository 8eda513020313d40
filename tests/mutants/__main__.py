"""Test the tests: `python -m tests.mutants` makes small errors in modules that decide numbers, and counts those seen.

Why a tester of our own. A mutant costs a second or two where TensorFlow is imported once and each trial is a fork of
that process; in a new interpreter it costs eight more. cosmic-ray starts a command for each mutant. mutmut forks too,
but after *our* modules are imported, behind a switch in every function: it changes nothing outside functions, and what
is read when a module is loaded (a registry, a default, a bound) decides numbers as well; it works on a copy of the
tree, where `git` says something else, and it draws no sample. Here only libraries are imported before the fork; the
child loads ours, one module from a changed tree, as a new interpreter would. What is drawn is new each time; `--seed`
repeats it. A rehearsal without any change says which tests call a function: those are asked, the nearest first.
"""

import argparse
import os
import random
import resource
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from scipy.stats import binomtest

from tests.mutants.equivalents import accepted
from tests.mutants.operators import Mutant, mutants
from tests.mutants.rehearsal import Rehearsal
from tests.mutants.targets import ROOT, modules, tests_near
from tests.mutants.trial import LIBRARIES, Changed, Outcome, attempt, rehearse, warm_up

GOAL = 0.92


@dataclass(frozen=True)
class Drawn:
    """A mutant of the sample, and its place among those of its file."""

    file: str
    ordinal: int
    mutant: Mutant

    def __str__(self) -> str:
        mutant = self.mutant
        return f"{self.file}:{mutant.line} {mutant.function}\n  - {mutant.old}\n  + {mutant.new}"


def population(files: Iterable[str]) -> list[Drawn]:
    """Return every mutant of these modules that is not accepted as an equivalent."""
    known = accepted()
    return [
        Drawn(file, ordinal, mutant)
        for file in files
        for ordinal, (mutant, _) in enumerate(mutants((ROOT / file).read_text("utf-8")))
        if not any(equivalent.is_of(file, mutant) for equivalent in known)
    ]


def attempts(file: str, sample: Iterable[Drawn], rehearsal: Rehearsal, log: Path) -> Iterator[tuple[Drawn, Outcome]]:
    """Try the mutants of one module."""
    wanted = {drawn.ordinal: drawn for drawn in sample if drawn.file == file}
    path, name = ROOT / file, file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    for ordinal, (mutant, tree) in enumerate(mutants(path.read_text("utf-8")) if wanted else ()):
        if ordinal in wanted:
            tests = rehearsal.tests_of(str(path), mutant.function)
            limit_s = 20 + 5 * rehearsal.cpu_s(tests)
            outcome = attempt(Changed(name, path, tree), tests, limit_s, log) if tests else Outcome.NOT_LOADED
            yield wanted[ordinal], outcome


def main() -> int:
    """Draw, try, and print every mutant that survived and the share that was seen, with its lower bound."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description="Test the tests.")
    parser.add_argument("only", nargs="*", help="modules, or the folders that they lie in [all that decide numbers]")
    parser.add_argument("--count", type=int, default=300, help="mutants to draw [300]")
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4)), help="repeat a draw [a new one]")
    asked = parser.parse_args()
    files = [file for file in modules() if not asked.only or file.startswith(tuple(asked.only))]
    everything = population(files)
    sample = random.Random(asked.seed).sample(everything, min(asked.count, len(everything)))
    print(f"{len(sample)} of {len(everything)} mutants of {len(files)} modules; --seed {asked.seed}", flush=True)
    os.chdir(ROOT)
    warm_up(*LIBRARIES)
    outcomes = Counter[Outcome]()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        rehearsal = rehearse(frozenset(str(ROOT / file) for file in files), tests_near(files), log)
        print(f"{len(rehearsal.took_s)} tests rehearsed, {_cpu_s():.0f} s of CPU; failing without any change: "
              f"{', '.join(sorted(rehearsal.failed)) or 'none'}", flush=True)  # fmt: skip
        for file in files:
            for drawn, outcome in attempts(file, sample, rehearsal, log):
                outcomes[outcome] += 1
                if not outcome.seen:
                    print(f"{outcome.value}: {drawn}", flush=True)
            print(f"  {outcomes.total()} tried, {_cpu_s():.0f} s of CPU: {file}", flush=True)
    return _verdict(outcomes)


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _verdict(outcomes: Counter[Outcome]) -> int:
    tried, seen = outcomes.total(), sum(count for outcome, count in outcomes.items() if outcome.seen)
    bound = float(binomtest(seen, tried, alternative="greater").proportion_ci(0.95, "exact").low)
    print(", ".join(f"{count} {outcome.value}" for outcome, count in outcomes.items()))
    print(f"{seen} of {tried} seen: {seen / tried:.1%}, with 95 % confidence at least {bound:.1%} of all")
    return 0 if seen >= GOAL * tried else 1


if __name__ == "__main__":
    sys.exit(main())
