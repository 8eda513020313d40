"""The modules that decide numbers, and the tests that are asked to hold them."""

from pathlib import Path

ROOT = Path(__file__).parents[2]

TARGETS = (
    "analysis/stats",
    "analysis/compare/pairing.py",
    "analysis/compare/gate.py",
    "analysis/compare/rules.py",
    "analysis/compare/exactness.py",
    "analysis/compare/attribution.py",
    "analysis/results/reduce.py",
    "analysis/results/round_parts.py",
    "analysis/results/ratios.py",
    "analysis/results/resampling.py",
    "analysis/results/pareto_front.py",
    "analysis/results/link_prediction.py",
    "analysis/results/target_accuracy.py",
    "analysis/trend/series.py",
    "splitfed_core/records/summary.py",
    "splitfed_core/aggregation",
    "splitfed_core/timing/stopwatch.py",
    "splitfed_core/federation/schedule.py",
    "splitfed_core/data/partitioners.py",
    "splitfed_core/data/deal.py",
    "splitfed_core/roles/ledger.py",
    "splitfed_core/roles/step_order.py",
    "splitfed_core/training/state_swap.py",
    "splitfed_core/verification/rounding.py",
    "benchmarks/estimate/memory.py",
    "benchmarks/grid/axes.py",
    "benchmarks/grid/expressions.py",
    "benchmarks/sweep/budget.py",
    "benchmarks/sweep/selection.py",
)

# Tests that run in one process: one that starts others would load the module from its file, unchanged.
TESTS = (
    "tests/analysis/stats",
    "tests/analysis/compare",
    "tests/analysis/results",
    "tests/analysis/findings",
    "tests/analysis/figures",
    "tests/analysis/trend/test_report.py",
    "tests/core/records",
    "tests/core/aggregation",
    "tests/core/timing",
    "tests/core/federation/test_schedule.py",
    "tests/core/federation/test_participation.py",
    "tests/core/data/test_deal.py",
    "tests/core/data/test_partitioners.py",
    "tests/core/roles",
    "tests/core/training/test_state_swap.py",
    "tests/core/verification",
    "tests/benchmarks/estimate",
    "tests/benchmarks/grid",
    "tests/benchmarks/store",
    "tests/benchmarks/sweep/test_budget.py",
    "tests/benchmarks/sweep/test_progress.py",
    "tests/benchmarks/sweep/test_selection.py",
)


def modules() -> list[str]:
    """Return the path of every module that decides numbers."""
    return [
        str(path.relative_to(ROOT))
        for target in TARGETS
        for path in ([ROOT / target] if target.endswith(".py") else sorted((ROOT / target).glob("*.py")))
    ]


def tests_near(files: list[str]) -> list[str]:
    """Return the tests that lie in the same package as one of these modules."""
    tops = {file.partition("/")[0].replace("splitfed_core", "core") for file in files}
    return [test for test in TESTS if test.split("/")[1] in tops]
