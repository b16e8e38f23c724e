"""The command line: parse, call, print."""

import json
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from radars import __version__
from radars.cli.completion import complete_method
from radars.cli.endings import errors_in_a_line, notes_in_a_line, printable
from radars.cli.options import (
    Address,
    BaselineNames,
    Budget,
    ConfigFile,
    Constraints,
    DataSource,
    ExecutorName,
    Jobs,
    Json,
    MaxMinutes,
    Methods,
    Out,
    Overrides,
    PublishedTable,
    Resume,
    Seed,
    Seeds,
    Space,
    TableData,
)
from radars.errors import ConfigError, Stopped, first_line
from radars.optional import without_none
from radars.units import format_whole

app = typer.Typer(
    name="radars",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"radars {__version__}")
        raise typer.Exit


@app.callback()
def radars(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Memory-bounded neural architecture search for PyTorch."""


@app.command()
def search(
    space: Space = None,
    data: DataSource = None,
    budget: Budget = None,
    method: Annotated[
        str | None, typer.Option(help="The search method.", autocompletion=complete_method)
    ] = None,
    constraint: Constraints = None,
    pareto: Annotated[
        str | None,
        typer.Option(metavar="NAMES", help="Write a Pareto front, such as accuracy,macs."),
    ] = None,
    baseline: BaselineNames = None,
    config: ConfigFile = None,
    overrides: Overrides = None,
    seed: Seed = None,
    max_minutes: MaxMinutes = None,
    executor: ExecutorName = None,
    address: Address = None,
    out: Out = None,
    resume: Resume = False,
) -> None:
    """Search for the best architecture within a memory budget."""
    from radars.engine.search_summary import search_summary
    from radars.engine.start_search import start_search
    from radars.execution.group import is_first_process
    from radars.tracking.progress import progress_for

    given: dict[str, Any] = without_none(
        space=space,
        data=None if data is None else {"source": data},
        budget=budget,
        method=method,
        constraints=constraint or None,
        pareto=None if pareto is None else [name.strip() for name in pareto.split(",")],
        baseline=None if baseline is None else {"names": baseline},
        seed=seed,
        max_minutes=max_minutes,
        executor=_executor(name=executor, address=address) or None,
    )
    done = start_search(
        given,
        config_file=config,
        overrides=overrides or (),
        out=_checked_directory(out, resume=resume),
        new_out=_new_directory,
        resume=resume,
        progress=progress_for(),
    )
    if is_first_process():
        print(printable(search_summary(done.result, done.out)))


@app.command()
def plan(
    space: Space = None,
    input_shape: Annotated[
        str | None,
        typer.Option(
            "--input",
            metavar="CxHxW",
            help="The shape of one example; of several inputs AxB+C, or image=AxB+table=C.",
        ),
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Examples in a batch; by default those of a search.")
    ] = None,
    budget: Budget = None,
    costs: Annotated[
        bool, typer.Option("--costs", help="Compare sums over candidates with whole networks.")
    ] = False,
    baseline: BaselineNames = None,
    config: ConfigFile = None,
    overrides: Overrides = None,
    as_json: Json = False,
) -> None:
    """Show what a search with these options would plan; needs no data and no GPU."""
    from radars.planning.plan_report import plan_for
    from radars.planning.plan_summary import plan_summary

    report = plan_for(
        space,
        input_shape,
        batch_size,
        budget,
        overrides or (),
        config_file=config,
        with_costs=costs,
        baseline=baseline,
    )
    if as_json:
        print(json.dumps(report.to_dict()))
    else:
        print(printable(plan_summary(report)))
    if report.problem is not None:
        raise report.problem


@app.command()
def train(
    architecture: Annotated[Path, typer.Argument(help="The architecture.json of a search.")],
    space: Space = None,
    data: DataSource = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the training split.")] = None,
    from_search: Annotated[
        Path | None, typer.Option(help="Start from the shared weights of this search.")
    ] = None,
    config: ConfigFile = None,
    overrides: Overrides = None,
    seed: Seed = None,
    out: Out = None,
    resume: Resume = False,
) -> None:
    """Train an architecture from scratch on the whole training split."""
    from radars.tracking.progress import progress_for
    from radars.training.start_training import start_training
    from radars.training.training_summary import train_summary

    given: dict[str, Any] = without_none(
        space=space,
        data=None if data is None else {"source": data},
        epochs=epochs,
        from_search=None if from_search is None else str(from_search),
        seed=seed,
    )
    out = _checked_directory(out, resume=resume) or _new_directory("train")
    result = start_training(
        architecture,
        given,
        config_file=config,
        overrides=overrides or (),
        out=out,
        resume=resume,
        progress=progress_for(),
    )
    print(printable(train_summary(result, out)))


@app.command()
def evaluate(
    directory: Annotated[Path, typer.Argument(help="The run directory of a training.")],
    data: DataSource = None,
    device: Annotated[
        str | None,
        typer.Option(
            metavar="auto|cpu|cuda|cuda:N", help="The device; by default that of the training."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Evaluate a trained network on the test split."""
    from radars import api
    from radars.training.training_summary import evaluation_summary

    result = api.evaluate(directory, data, device=device, progress=not as_json)
    print(json.dumps(result.to_dict()) if as_json else printable(evaluation_summary(result)))


@app.command()
def export(
    directory: Annotated[Path, typer.Argument(help="The run directory of a training.")],
    out: Annotated[Path, typer.Option(help="The file: NAME.onnx, NAME.pt2 or NAME.safetensors.")],
    format: Annotated[
        str | None,
        typer.Option(help="onnx, torch-export or safetensors; by default what --out ends in."),
    ] = None,
) -> None:
    """Write a trained network to a file that works without radars."""
    from radars import api
    from radars.training.training_summary import export_summary

    print(printable(export_summary(api.export(directory, out, format=format))))


@app.command()
def compare(
    config: Annotated[Path | None, typer.Argument(help="A YAML file of a comparison.")] = None,
    methods: Methods = None,
    seeds: Seeds = None,
    table: PublishedTable = None,
    table_data: TableData = None,
    space: Space = None,
    data: DataSource = None,
    budget: Budget = None,
    constraint: Constraints = None,
    overrides: Overrides = None,
    max_minutes: MaxMinutes = None,
    jobs: Jobs = None,
    executor: ExecutorName = None,
    address: Address = None,
    controllers_only: Annotated[
        bool, typer.Option("--controllers-only", help="Train nothing; rewards come from --table.")
    ] = False,
    out: Out = None,
) -> None:
    """Compare search methods under one budget; run it again to continue."""
    from radars.comparison.start_comparison import start_comparison
    from radars.tracking.progress import progress_for

    given: dict[str, Any] = without_none(
        space=space,
        data=None if data is None else {"source": data},
        budget=budget,
        constraints=constraint or None,
        max_minutes=max_minutes,
    )
    out = _checked_directory(out) or _new_directory("compare")
    comparison = start_comparison(
        given,
        methods=methods,
        seeds=seeds,
        table=table,
        config_file=config,
        overrides=overrides or (),
        out=out,
        progress=progress_for(),
        executor=_executor(name=executor, address=address, jobs=jobs),
        table_data=table_data,
        controllers_only=controllers_only,
    )
    print(printable(f"\n{comparison.text}\nresults  {out}"))
    if comparison.problem is not None:
        raise comparison.problem


@app.command()
def report(
    directories: Annotated[
        list[Path], typer.Argument(help="Directories of searches, trainings, comparisons.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="The file; by default report.html in the first DIR.")
    ] = None,
    figures: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Also write each figure as SVG and PDF.")
    ] = None,
) -> None:
    """Show what happened in a run, or in several, as one HTML file."""
    from radars.reporting.write_report import write_report

    for file in write_report(directories, out, figures):
        print(file)


@app.command()
def spaces() -> None:
    """List the ready-made search spaces."""
    from radars.space import SearchSpace
    from radars.zoo import zoo

    table = Table("name", "architectures", "candidates", "input", "summary")
    for entry in zoo():
        known = SearchSpace(entry.network, rules=entry.rules)  # no shapes of all candidates
        table.add_row(
            entry.name,
            format_whole(known.num_architectures),
            str(known.full.num_candidates),
            "x".join(map(str, entry.input_shape)),
            entry.summary,
        )
    Console().print(table)


@app.command()
def doctor(as_json: Json = False) -> None:
    """Show versions, devices, memory, disk and extras, and what is missing."""
    from radars.cli.doctor import doctor_dict, doctor_text
    from radars.cli.examine import examine

    environment = examine()
    print(json.dumps(doctor_dict(environment)) if as_json else doctor_text(environment))


def main() -> None:
    """Runs the command line; an error is one line, without a traceback."""
    with errors_in_a_line(), notes_in_a_line():
        status = app(prog_name="radars", standalone_mode=False)
        if status == Stopped.exit_status:  # typer ends without a word where Ctrl-C is heard
            raise KeyboardInterrupt
    sys.exit(status)


def _checked_directory(out: Path | None, *, resume: bool = False) -> Path | None:
    if out is not None:
        try:
            out.exists()
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"--out is a path, but got {str(out)[:80]!r} ({first_line(error)[:80]}); choose "
                f"another"
            ) from error
        return out
    if resume:
        raise ConfigError("--resume continues the run in --out, but --out is not given; add it")
    return None


def _new_directory(name: str) -> Path:
    label = "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in name)
    return Path("runs") / f"{label.strip('-')}-{time.strftime('%Y%m%d-%H%M%S')}"


def _executor(**values: Any) -> dict[str, Any]:
    given = without_none(**values)
    if given.get("name") == "local":
        given["address"] = None  # of the run that is resumed
    return given
