"""`compare(base, head)`: read two sides, judge them, write what people and programs need to know."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from analysis.compare.comparability import comparison_warnings, refuse_on_machine_drift
from analysis.compare.figure import draw_effects
from analysis.compare.gate import EXIT_CODES, Judgement, judge
from analysis.compare.junit import to_junit
from analysis.compare.markdown import to_markdown
from analysis.compare.measured import Measured, Side, read_run
from analysis.compare.pairing import Pairs, pair_cells
from analysis.compare.pytest_benchmark import read_benchmarks
from analysis.compare.rules import GATES, Rules, aa_noise
from analysis.compare.verdict_json import to_json
from analysis.compare.wording import summary
from analysis.figures.files import render
from analysis.results.provenance import Provenance
from analysis.results.run_directory import is_run
from splitfed_core.errors import NotARunError, UsageError
from splitfed_core.records.metrics import ADDITIVE, Metric

FORMATS = ("png", "svg")


@dataclass(frozen=True)
class Compared:
    """Two sides and what their comparison comes to."""

    base: Side
    head: Side
    judgement: Judgement
    warnings: list[str]

    @property
    def exit_code(self) -> int:
        """The exit code of the command."""
        return EXIT_CODES[self.judgement.outcome]

    @property
    def words(self) -> str:
        """The verdict in one line."""
        return f"{self.judgement.outcome}: {summary(self.judgement)}"


def compare(
    base: Path,
    head: Path,
    *,
    min_effects: Sequence[str] = (),
    metrics: Sequence[str] = (),
    confirm: tuple[Path, Path] | None = None,
    noise: tuple[Path, Path] | None = None,
) -> Compared:
    """Compare two run directories, or two files (or folders) of pytest-benchmark.

    Args:
        base: What is there.
        head: What is to be judged.
        min_effects: `METRIC=3%` each: the smallest change of a metric that matters.
        metrics: Metrics that decide besides those of `analysis.compare.rules.GATES`.
        confirm: BASE and HEAD measured once more with other seeds: what is flagged must be flagged again.
        noise: Two runs of the same code: what differs by less than they do is not flagged, nor is it unchanged.

    Raises:
        UsageError: A path holds nothing that can be read, there is no such metric, or `confirm` has the same seeds.
        DataError: A run has no usable rows at all.
    """
    if confirm is not None and [path.resolve() for path in confirm] == [base.resolve(), head.resolve()]:
        raise UsageError("--confirm: takes two further runs; the runs that flag something cannot confirm it")
    sides = read_side(base), read_side(head)
    known = {**sides[0].metrics, **sides[1].metrics}
    rules = read_rules(known, min_effects, metrics, noise)
    cells = refuse_on_machine_drift(pair_cells(*sides))
    if noise is not None and {pairs.cell_id for pairs in cells}.isdisjoint(cell_id for cell_id, _ in rules.noise):
        raise UsageError(f"--noise {noise[0]} {noise[1]}: they have none of the cells being compared")
    again = None if confirm is None else read_again(confirm, sides)
    return Compared(*sides, judge(cells, known, rules, again), comparison_warnings(*sides, cells))


def read_rules(
    known: Mapping[str, Metric], min_effects: Sequence[str], metrics: Sequence[str], noise: tuple[Path, Path] | None
) -> Rules:
    """Turn the options of `compare` into rules for `known` metrics.

    Raises:
        UsageError: There is no such metric, an effect is not a share, or the runs of `noise` cannot be read.
    """
    rules = Rules(_min_effects(min_effects, known), (*GATES, *(_known(name, known).name for name in metrics)))
    if noise is None:
        return rules
    measured = aa_noise(pair_cells(read_side(noise[0]), read_side(noise[1])), known, rules.gates)
    if not measured:
        raise UsageError(
            f"--noise {noise[0]} {noise[1]}: they cannot show the noise, which takes the same cells on both sides and"
            f" at least 5 pairs; measure it with sfbench doctor"
        )
    return replace(rules, noise=measured)


def read_again(confirm: tuple[Path, Path], first: Sequence[Side]) -> tuple[Pairs, ...]:
    """Read two sides that were measured once more; they must have all their repeats, and none of the `first` seeds.

    Raises:
        UsageError: A cell has a seed again: what seeds decide would be found again, whatever the code.
    """
    again = read_side(confirm[0]), read_side(confirm[1])
    used = {(cell_id, run.seed) for cell_id, _, run in _runs(first) if run.seed is not None}
    for cell_id, repeat, run in _runs(again):
        if (cell_id, run.seed) in used:
            raise UsageError(
                f"--confirm {confirm[0]} {confirm[1]}: repeat {repeat} of {cell_id} has seed {run.seed} of the first"
                " measurement, so what that seed decides is found again; measure both with another root seed:"
                " sfbench sweep GRID --set seed=SEED; sfbench ab does so"
            )
    return refuse_on_machine_drift(pair_cells(*again, whole=True))


def _runs(sides: Sequence[Side]) -> Iterator[tuple[str, int, Measured]]:
    for cell in (cell for side in sides for cell in side.cells):
        yield from ((cell.cell_id, repeat, run) for repeat, run in cell.runs.items())


def read_side(path: Path) -> Side:
    """Read a run directory, or a file or folder of pytest-benchmark.

    Raises:
        NotARunError: It is neither.
    """
    if not path.exists():
        raise NotARunError(f"{path} does not exist; name a run directory that sfbench sweep wrote, such as runs/quick")
    return read_run(path) if is_run(path) else read_benchmarks(path)


def write_verdict(compared: Compared, out: Path) -> Path:
    """Write `verdict.json`, `verdict.md`, `junit.xml` and the figures; return the path of the markdown."""
    out.mkdir(parents=True, exist_ok=True)
    base, head, judgement = compared.base, compared.head, compared.judgement
    document = to_json(base, head, judgement, compared.warnings)
    (out / "verdict.json").write_text(
        json.dumps(document, indent=1, allow_nan=False, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    (out / "verdict.md").write_text(to_markdown(base, head, judgement, compared.warnings), encoding="utf-8")
    (out / "junit.xml").write_bytes(to_junit(judgement))
    for name, metric in {**base.metrics, **head.metrics}.items():
        if name in judgement.rules.gates and metric.kind not in ADDITIVE:
            _write_figure(compared, metric, out)
    return out / "verdict.md"


def _write_figure(compared: Compared, metric: Metric, out: Path) -> None:
    drawn = draw_effects(compared.judgement, metric.name)
    if drawn is None:
        return
    (out / "figures").mkdir(exist_ok=True)
    for kind in FORMATS:
        content = render(drawn, kind, f"effect-{metric.name}", f"Effect on {metric.title.lower()}", _origin(compared))
        (out / "figures" / f"effect-{metric.name}.{kind}").write_bytes(content)


def _origin(compared: Compared) -> Provenance:
    sides = (compared.base, compared.head)
    data = hashlib.sha256("".join(side.data_sha256 for side in sides).encode()).hexdigest()
    commits = tuple(dict.fromkeys(commit for side in sides for commit in side.commits))
    return Provenance(tuple(side.name for side in sides), commits, data, version("sfbench"))


def _known(name: str, known: Mapping[str, Metric]) -> Metric:
    if name not in known:
        raise UsageError(f"metric {name!r} does not exist; choose one of {', '.join(known)}")
    return known[name]


def _min_effects(texts: Sequence[str], known: Mapping[str, Metric]) -> dict[str, float]:
    """Read `METRIC=3%`; loss and accuracy take a margin in their own unit: `final_eval_accuracy=0.01`, or `1%`."""
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        try:
            number = float(value.strip().removesuffix("%")) * (0.01 if value.strip().endswith("%") else 1.0)
        except ValueError:
            number = -1.0
        if not equals or not 0 <= number < float("inf"):
            raise UsageError(f"--min-effect {text!r}: write METRIC=SHARE with a share of at least 0: step_p50_s=3%")
        if number >= 1 and not value.strip().endswith("%") and _known(name.strip(), known).kind != "loss":
            raise UsageError(f"--min-effect {text!r}: {number:g} is a share of {number:.0%}; write {name}={number:g}%")
        if _known(name.strip(), known).kind == "loss" and value.strip().endswith("%"):
            raise UsageError(f"--min-effect {text!r}: a loss takes a margin in its own unit, without %: {name}=0.05")
        found[name.strip()] = number
    return found
