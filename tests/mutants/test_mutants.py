"""The tester of tests: a planted error that a test sees, one that none sees, and what is accepted as equivalent."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutants.equivalents import accepted
from tests.mutants.operators import mutants
from tests.mutants.rehearsal import Rehearsal, function_of
from tests.mutants.targets import ROOT, TESTS, modules

MODULE = "BOUND = 3\n\n\ndef clipped(value: int) -> int:\n    return min(value, BOUND)\n"
TEST = "from planted import clipped\n\n\ndef test_it():\n    assert clipped(5) == 3\n"
TRIAL = """
import sys
from pathlib import Path
from tests.mutants.operators import mutants
from tests.mutants.trial import Changed, attempt, rehearse
folder = Path(sys.argv[1])
module, test, log = folder / "planted.py", folder / "test_planted.py", folder / "log"
options = ["--rootdir", str(folder), "-c", "/dev/null", "--confcutdir", str(folder)]
rehearsal = rehearse(frozenset([str(module)]), [*options, str(test)], log)
print(rehearsal.tests_of(str(module), "clipped"), rehearsal.failed)
for mutant, tree in mutants(module.read_text()):
    print(mutant.new, attempt(Changed("planted", module, tree), [*options, str(test)], 10, log).value, sep=": ")
"""


def changes(source: str) -> set[str]:
    return {mutant.new for mutant, _ in mutants(source)}


def test_a_killable_mutant_is_killed_and_one_that_no_test_sees_survives(tmp_path: Path) -> None:
    (tmp_path / "planted.py").write_text(MODULE)
    (tmp_path / "test_planted.py").write_text(TEST.replace("== 3", "< 4"))
    command = (sys.executable, "-c", TRIAL, str(tmp_path))
    env = {"PYTHONPATH": f"{ROOT}:{tmp_path}", "PATH": ""}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "['test_planted.py::test_it'] set()",
        "BOUND = 4: killed",
        "BOUND = 2: survived",
        "return None: killed",
        "return max(value, BOUND): killed",
    ]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = a < b", {"x = a <= b"}),
        ("x = a + 2 * b", {"x = a - 2 * b", "x = a + 2 / b", "x = a + 3 * b", "x = a + 1 * b"}),
        ("x = not a or b", {"x = not a and b", "x = a or b"}),
        ("if a: pass", {"if not a:"}),
        ("x = a[n:]", {"x = a[n + 1:]"}),
        ("x: int = True", {"x: int = False"}),
        ("def f(): return min(a, b)", {"return None", "return max(a, b)"}),
        ("raise ValueError(f'{a + 1}')", set()),
        ("x = f'{a + 1}' + 'b'", set()),
        ("x = zip(a, b, strict=True)", set()),
    ],
)
def test_the_operators_change_what_decides_and_leave_words(source: str, expected: set[str]) -> None:
    assert changes(source) == expected


def test_a_tree_bears_one_change_at_a_time_and_none_in_the_end() -> None:
    source = "x = a + b\ny = a < b"
    trees = [(ast.unparse(tree)) for _, tree in mutants(source)]
    assert trees == ["x = a - b\ny = a < b", "x = a + b\ny = a <= b"]


def test_a_test_that_only_reads_a_constant_is_asked_about_what_is_outside_functions() -> None:
    """Of a function it is asked nothing: it does not call it."""
    took_s = {"test_planted.py::test_bound": 0.2, "test_planted.py::test_it": 0.1, "test_other.py::test_it": 0.1}
    calls = {("/planted.py", "clipped"): {"test_planted.py::test_it"}}
    rehearsal = Rehearsal(frozenset(), calls, took_s, set())
    assert rehearsal.tests_of("/planted.py", "") == ["test_planted.py::test_it", "test_planted.py::test_bound"]
    assert rehearsal.tests_of("/planted.py", "clipped") == ["test_planted.py::test_it"]


def test_a_lambda_belongs_to_the_function_around_it() -> None:
    assert function_of("Ledger.close.<locals>.<lambda>") == "Ledger.close"


def test_every_module_and_test_that_is_named_exists() -> None:
    assert [path for path in (*modules(), *TESTS) if not (ROOT / path).exists()] == []


def test_every_accepted_equivalent_is_still_a_mutant_and_has_a_reason() -> None:
    known = accepted()
    made = {file: [mutant for mutant, _ in mutants((ROOT / file).read_text())] for file in {e.file for e in known}}
    assert [e for e in known if not e.reason or not any(e.is_of(e.file, mutant) for mutant in made[e.file])] == []
