"""What depends on the algorithm asks the algorithm: nobody compares its name."""

import ast
from collections.abc import Iterator

import pytest

import benchmarks  # noqa: F401  registers the baseline
from splitfed_core.algorithms import ALGORITHMS
from tests.contracts import house


def comparisons(module: house.Module) -> Iterator[str]:
    """Yield where a module compares something with the name of an algorithm, or looks something up by such a name."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Compare | ast.MatchValue):
            compared = [part.value for part in ast.walk(node) if isinstance(part, ast.Constant)]
        elif isinstance(node, ast.Dict):
            compared = [key.value for key in node.keys if isinstance(key, ast.Constant)]
        else:
            continue
        if any(isinstance(value, str) and value in ALGORITHMS for value in compared):
            yield f"{module.path}:{node.lineno}"


def test_no_algorithm_is_compared_by_name() -> None:
    others = [module for module in house.modules() if not module.folder.startswith("splitfed_core/algorithms")]
    assert [place for module in others for place in comparisons(module)] == []


@pytest.mark.parametrize(
    "line",
    [
        'copies = config.algorithm == "sflv1"',
        'split = name not in ("fl", "central")',
        'ROUNDS = {"sl": 1}',
        'match name:\n    case "notebook":\n        pass',
    ],
)
def test_a_name_that_is_compared_would_be_found(line: str) -> None:
    assert len(list(comparisons(house.Module("benchmarks/x.py", line)))) == 1
