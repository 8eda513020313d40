"""What `sfbench cuts` prints: where a network can be cut, and what each cut costs."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table

from analysis.text.units import digits, human, scale_for
from benchmarks.sweep.console import make_console, print_table

if TYPE_CHECKING:  # imports TensorFlow
    from splitfed_core.models.cut_costs import Cut


def show_cuts(model: str, input_shape: tuple[int, ...], cuts: "Sequence[Cut]") -> None:
    """Print the places where a network cannot be cut, each with the reason, and below them those where it can."""
    console = make_console()
    valid = [cut for cut in cuts if cut.problem is None]
    if len(valid) < len(cuts):
        print_table(console, _reasons([cut for cut in cuts if cut.problem]))
    print_table(console, _costs(valid))
    console.print(
        f"{model} on {_shape(input_shape)}: {len(valid)} of {len(cuts)} places can be a cut_layer. FLOP: one example's "
        "forward pass. Training sends the smashed data up and a gradient of the same size down."
    )


def _reasons(cuts: "Sequence[Cut]") -> Table:
    table = Table(title="No cut", title_justify="left", title_style="", style="dim", box=box.SIMPLE_HEAD)
    table.add_column("after layer", overflow="fold")
    table.add_column("because", overflow="fold")
    for cut in cuts:
        table.add_row(cut.layer, cut.problem)
    return table


def _costs(cuts: "Sequence[Cut]") -> Table:
    work = scale_for("FLOP", [cut.client_flops + cut.server_flops for cut in cuts])
    table = Table(title="Cuts", title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    table.add_column("cut layer", overflow="fold", style="bold")
    for name in ("smashed\ndata", "bytes per\nexample", "client\nweights", "server\nweights"):
        table.add_column(name, justify="right", no_wrap=True)
    for side in ("client", "server"):
        table.add_column(f"{side}\n{work.unit}", justify="right", no_wrap=True)
    for cut in cuts:
        table.add_row(
            cut.layer,
            _shape(cut.shape),
            human(cut.smashed_bytes, "B"),
            f"{cut.client_parameters:,}",
            f"{cut.server_parameters:,}",
            digits(cut.client_flops * work.factor),
            digits(cut.server_flops * work.factor),
        )
    return table


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))
