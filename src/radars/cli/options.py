"""Options that several commands take."""

from pathlib import Path
from typing import Annotated

import typer

from radars.cli.completion import (
    complete_data,
    complete_methods,
    complete_space,
    complete_table,
)

Space = Annotated[
    str | None,
    typer.Option(
        help="A name from `radars spaces`, or FILE.py:FUNCTION.", autocompletion=complete_space
    ),
]
DataSource = Annotated[
    str | None,
    typer.Option(
        "--data",
        help="digits, a folder or parquet file, or a Hugging Face hub name.",
        autocompletion=complete_data,
    ),
]
Budget = Annotated[
    str | None, typer.Option(help="The most memory of a training step, such as 256MiB.")
]
ConfigFile = Annotated[Path | None, typer.Option("--config", help="A YAML file of settings.")]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="One setting, such as explore.steps=500."),
]
Constraints = Annotated[
    list[str] | None,
    typer.Option(metavar="METRIC<=NUMBER", help="A hard bound, such as macs<=40M."),
]
MaxMinutes = Annotated[
    float | None,
    typer.Option(
        help="How long a search may take: phases then have shares of it, not their steps."
    ),
]
Methods = Annotated[
    str | None,
    typer.Option(help="Such as radars,reinforce,random.", autocompletion=complete_methods),
]
Seeds = Annotated[str | None, typer.Option(help="Such as 0,1,2 or 0-9.")]
PublishedTable = Annotated[
    str | None,
    typer.Option(
        metavar="NAME=PATH",
        help="A published table of accuracies.",
        autocompletion=complete_table,
    ),
]
TableData = Annotated[
    str | None, typer.Option(help="Whose accuracies of --table: cifar10 by default.")
]
Jobs = Annotated[
    int | None, typer.Option(min=1, help="Searches that run side by side, in processes.")
]
Seed = Annotated[int | None, typer.Option(help="Of everything random.")]
ExecutorName = Annotated[
    str | None, typer.Option("--executor", metavar="local|ray", help="Where parts of it run.")
]
Address = Annotated[
    str | None, typer.Option(help="Of a Ray cluster that runs; by default one is started.")
]
Out = Annotated[Path | None, typer.Option(help="The run directory; by default a new one in runs/.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
