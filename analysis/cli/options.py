"""Options and arguments that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Replace a value of the grid; repeatable."),
]
MinEffects = Annotated[
    list[str] | None,
    typer.Option(metavar="METRIC=3%", help="Smallest change of a metric that matters; repeatable."),
]
Metrics = Annotated[list[str] | None, typer.Option(metavar="NAME", help="Let this metric decide too; repeatable.")]
SameCode = Annotated[
    tuple[Path, Path] | None,
    typer.Option(
        metavar="RUN RUN", help="Two runs of the same code: flag no change smaller than the difference between them."
    ),
]
Grid = Annotated[
    Path | None,
    typer.Argument(help="Grid file. Without it: ./grid.yaml, else the bundled quick grid.", show_default=False),
]
Bundled = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Use a grid that ships with sfbench, such as quick, instead of a file."),
]
