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
BaselineNames = Annotated[
    str | None,
    typer.Option(
        "--baseline",
        metavar="NAMES",
        help="Also train what needs no search, such as largest,smallest,random=3.",
    ),
]
MaxMinutes = Annotated[
    float | None,
    typer.Option(help="Minutes that a search may take; each phase has a share."),
]
Methods = Annotated[
    str | None,
    typer.Option(
        help="Search methods, such as radars,reinforce,random.", autocompletion=complete_methods
    ),
]
Seeds = Annotated[str | None, typer.Option(help="Seeds, such as 0,1,2 or 0-9.")]
PublishedTable = Annotated[
    str | None,
    typer.Option(
        metavar="NAME=PATH",
        help="A published table of accuracies.",
        autocompletion=complete_table,
    ),
]
TableData = Annotated[
    str | None,
    typer.Option(help="The data set whose accuracies --table gives; by default cifar10."),
]
Jobs = Annotated[
    int | None, typer.Option(min=1, help="Searches that run at once, each in a process.")
]
Seed = Annotated[int | None, typer.Option(help="The seed of all random draws.")]
ExecutorName = Annotated[
    str | None, typer.Option("--executor", metavar="local|ray", help="Where parallel work runs.")
]
Address = Annotated[
    str | None,
    typer.Option(help="The address of a running Ray cluster; without it, one is started."),
]
Out = Annotated[Path | None, typer.Option(help="The run directory; by default a new one in runs/.")]
Resume = Annotated[bool, typer.Option("--resume", help="Continue the run in --out.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
