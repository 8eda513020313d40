"""`sfbench verify`: the oracles of the core on what a grid is going to run, as a table."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from rich.table import Table

from benchmarks.grid.load import Grid, load_grid
from benchmarks.grid.plan import make_plan
from benchmarks.sweep.console import make_console, make_spinner, print_table
from splitfed_core.config.cell_config import CellConfig
from splitfed_core.data import load_dataset
from splitfed_core.errors import ConfigError, ExitCode
from splitfed_core.verification.codec_oracles import verify_codecs
from splitfed_core.verification.oracles import Verdict
from splitfed_core.verification.oracles import verify as verify_cell


def verify(grid: Path, settings: Sequence[str] = ()) -> int:
    """Run the oracles on every distinct network and cut of a grid and print what they found.

    Args:
        grid: The grid file.
        settings: Values that replace those of the grid, as `name=value`.

    Returns:
        The exit code: whether all passed.

    Raises:
        UsageError: The grid cannot be used.
    """
    loaded = load_grid(grid, settings)
    plan = make_plan(loaded)
    configs = [cell.config for cell in plan.cells]
    cases, encoded = distinct(configs), distinct_codecs(configs)
    console = make_console()
    verdicts: list[Verdict] = []
    with make_spinner() as progress:
        task = progress.add_task("starting TensorFlow")
        for config in cases:
            for verdict in _verdicts(loaded, config, plan.seed):
                verdicts.append(verdict)
                progress.update(task, description=f"{verdict.case}: {verdict.oracle}")
        for config in encoded:
            progress.update(task, description=f"{config.model}: codecs")
            verdicts += verify_codecs(config, load_dataset(config.dataset), plan.seed)
    verdicts = list(dict.fromkeys(verdicts))  # cells share codecs
    print_table(console, _table(verdicts))
    failed = sum(not verdict.passed for verdict in verdicts)
    console.print(f"{len(verdicts) - failed} of {len(verdicts)} oracles passed on {len(cases)} networks and cuts")
    return ExitCode.FAILED if failed else ExitCode.OK


def distinct(configs: Iterable[CellConfig]) -> list[CellConfig]:
    """Return one cell for each data set, network, loss and cut: what else varies changes no computation of a step."""
    return list({(str(c.dataset.plain()), c.model, c.loss, c.cut_layer, c.optimizer): c for c in configs}.values())


def distinct_codecs(configs: Iterable[CellConfig]) -> list[CellConfig]:
    """Return one cell for each data set, network, cut and codecs; none of a grid in which everything travels raw."""
    kinds = {
        (str(c.dataset.plain()), c.model, c.cut_layer, c.codec, c.gradient_codec, c.model_codec): c
        for c in configs
        if c.codec or c.model_codec
    }
    chosen = {codec.name for _, _, _, *codecs in kinds for codec in codecs if codec}
    return [] if chosen <= {"raw"} else list(kinds.values())


def _verdicts(grid: Grid, config: CellConfig, seed: int) -> Iterator[Verdict]:
    try:
        yield from verify_cell(config, load_dataset(config.dataset), seed)
    except ConfigError as error:
        raise grid.error(error) from None


def _table(verdicts: list[Verdict]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("network · cut", "oracle"):
        table.add_column(heading, overflow="fold")
    for heading in ("tolerance", "difference"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for verdict in verdicts:
        passed = "[green]passed[/green]" if verdict.passed else "[bold red]FAILED[/bold red]"
        table.add_row(verdict.case, verdict.oracle, f"{verdict.tolerance:g}", f"{verdict.difference:.1e}", passed)
    return table
