"""Options and arguments that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Replace a value of the grid; again for more."),
]
MinEffects = Annotated[
    list[str] | None,
    typer.Option(metavar="METRIC=3%", help="Smallest change of a metric that matters; again for more."),
]
Metrics = Annotated[list[str] | None, typer.Option(metavar="NAME", help="Let this metric decide too; again for more.")]
SameCode = Annotated[
    tuple[Path, Path] | None,
    typer.Option(metavar="RUN RUN", help="Two runs of the same code: flag no change below what differs there."),
]
Grid = Annotated[
    Path | None,
    typer.Argument(help="Grid file. Without it: ./grid.yaml, else the bundled quick grid.", show_default=False),
]
Bundled = Annotated[
    str | None, typer.Option(metavar="NAME", help="Take a grid that comes along, such as quick, instead of a file.")
]
