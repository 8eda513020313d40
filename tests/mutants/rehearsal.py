"""A rehearsal without any change: which test calls which function, and how long it takes."""

import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import pytest

MOST_S = 8.0
"""Of the tests that hold a function, the nearest and quickest are asked, so long in all."""


@dataclass(eq=False)  # pytest keeps plugins in sets
class Rehearsal:
    """A plugin of pytest that watches the calls of functions of some files.

    Attributes:
        calls: By file and function the tests that call it.
        took_s: What each test took, what it needs set up included.
        failed: Tests that fail without any change: asked of no mutant.
    """

    files: frozenset[str]
    calls: dict[tuple[str, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    took_s: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    failed: set[str] = field(default_factory=set)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Watch one test."""

        def watch(frame: FrameType, event: str, argument: object) -> None:
            code = frame.f_code
            if code.co_filename in self.files:
                self.calls[code.co_filename, function_of(code.co_qualname)].add(item.nodeid)

        began = time.process_time()
        threading.settrace(watch)
        sys.settrace(watch)
        try:
            return (yield)
        finally:
            sys.settrace(None)
            threading.settrace(None)
            self.took_s[item.nodeid] = time.process_time() - began

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what fails."""
        if report.failed:
            self.failed.add(report.nodeid)

    def tests_of(self, file: str, function: str) -> list[str]:
        """Return the tests that call a function, those of the module's own file first, then the quickest.

        What is outside functions, or in one that is only called when the module is loaded, is held by all that call
        anything in the module, and by all of the module's own file: a test of a constant need not call anything.
        """
        own = f"test_{Path(file).stem}.py::"
        of_file = [tests for (path, _), tests in self.calls.items() if path == file]
        own_tests = {test for test in self.took_s if own in test}
        found = self.calls.get((file, function)) or own_tests.union(*of_file)
        asked: list[str] = []
        used_s = 0.0
        for test in sorted(found - self.failed, key=lambda test: (own not in test, self.took_s[test], test)):
            if asked and used_s + self.took_s[test] > MOST_S:
                break
            asked.append(test)
            used_s += self.took_s[test]
        return asked

    def cpu_s(self, tests: Sequence[str]) -> float:
        """Return what these tests take together."""
        return sum(self.took_s[test] for test in tests)


def function_of(qualified: str) -> str:
    """Return the function that a person wrote: a lambda or a comprehension is part of the one around it."""
    return ".".join(part for part in qualified.split(".") if not part.startswith("<"))
