"""What the command line asks of a comparison."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from radars.comparison.comparison_config import Cell, CompareConfig
from radars.comparison.policies_only import controllers_table, run_controllers
from radars.comparison.read_table import read_table
from radars.comparison.run_comparison import Comparison, run_comparison
from radars.errors import ConfigError, Stopped
from radars.runs.files import make_directory, write_atomically
from radars.settings import merge_settings, read_settings, validate_settings
from radars.tracking.progress import Progress

CONTROLLERS_NAME = "controllers.md"
_MOST_SEEDS = 10_000


def start_comparison(
    given: Mapping[str, Any],
    *,
    methods: str | None,
    seeds: str | None,
    table: str | None,
    config_file: Path | None,
    overrides: Sequence[str],
    out: Path,
    progress: Progress,
    executor: Mapping[str, Any] | None = None,
    table_data: str | None = None,
    controllers_only: bool = False,
) -> Comparison:
    """Runs what is left of a comparison, and writes its table to `table.md`.

    Args:
        given: settings of every search, from options.
        methods: names with commas between; over those of each grid of the file.
        seeds: numbers, or ranges such as 0-99, with commas between; likewise.
        table: `NAME=PATH` of a published table.
        config_file: a YAML file of a comparison.
        overrides: `key.path=value`, of every search.
        out: the directory of the comparison.
        progress: shows people how far it is.
        executor: settings of where cells run, from options.
        table_data: whose accuracies of the table are read.
        controllers_only: train nothing; the policies are rewarded with what the published table
            says, and the table of that is returned and written to `controllers.md`.

    Raises:
        ConfigError: something that was given is not valid.
        Stopped: it was interrupted; what is done is kept.
    """
    if controllers_only:
        _check_nothing_trains(given, executor or {})
    settings = read_settings(config_file) if config_file is not None else {}
    asked = _asked(settings, given, overrides, executor)
    if table is not None:
        asked["table"] = table
    if table_data is not None:
        asked["table_data"] = table_data
    if methods is not None or seeds is not None:
        asked["grids"] = _grids(settings, methods, seeds)
    config = validate_settings(CompareConfig, {**settings, **asked})
    if controllers_only:
        text = _controllers(config, given.get("space"), progress)
        make_directory(out)
        write_atomically(out / CONTROLLERS_NAME, text)
        return Comparison(text)
    try:
        return run_comparison(config, out, progress)
    except Stopped as error:
        raise Stopped(f"{error}; continue with the same command and --out {out}") from error


def _asked(
    settings: Mapping[str, Any],
    given: Mapping[str, Any],
    overrides: Sequence[str],
    executor: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """The settings of every search and of the executor, options over those of the file."""
    in_file = _mapping(settings.get("search"), "search", "search: {budget: 16MiB}")
    asked: dict[str, Any] = {"search": merge_settings(in_file, given, overrides=overrides)}
    if executor:
        in_file = _mapping(settings.get("executor"), "executor", "executor: {name: ray}")
        asked["executor"] = {**in_file, **executor}
    return asked


def _grids(settings: Mapping[str, Any], methods: str | None, seeds: str | None) -> Any:
    """The grids of the file, with the methods and the seeds of options."""
    grid: dict[str, Any] = {}
    if methods is not None:
        grid["methods"] = _parts(methods)
    if seeds is not None:
        grid["seeds"] = [seed for part in _parts(seeds) for seed in _seeds(part)]
    grids = settings.get("grids") or [{}]
    if not isinstance(grids, list):
        return grids  # refused where the whole is checked
    example = "grids: [{methods: [radars]}]"
    return [{**_mapping(known, "a grid", example), **grid} for known in grids]


def _mapping(value: object, name: str, example: str) -> Mapping[str, Any]:
    """A group of a file's settings; nothing where it is left empty."""
    value = value or {}
    if not isinstance(value, Mapping):
        raise ConfigError(
            f"{name} is a mapping of settings, but got {str(value)[:80]!r}; write it like {example}"
        )
    return value


def _check_nothing_trains(given: Mapping[str, Any], executor: Mapping[str, Any]) -> None:
    """Refuses options that say how searches run, where none does."""
    ignored = [key for key in given if key not in ("constraints", "space")]
    ignored += ["executor" if key == "name" else key for key in executor]
    if ignored:
        raise ConfigError(
            f"controllers alone draw from a table and train nothing, but --"
            f"{ignored[0].replace('_', '-')} is given; leave it out, or leave out "
            f"--controllers-only"
        )


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _seeds(text: str) -> range:
    """`7`, or `0-99`."""
    first, dash, last = text.partition("-")
    try:
        seeds = range(int(first), int(last if dash else first) + 1)
    except ValueError:
        raise ConfigError(
            f"seeds are whole numbers or ranges with commas between, but got {text!r}; write them "
            f"like 0,1,2 or 0-9"
        ) from None
    if not 1 <= len(seeds) <= _MOST_SEEDS:
        raise ConfigError(
            f"a range of seeds has 1 to {_MOST_SEEDS:,} of them, but {text!r} has {len(seeds):,}; "
            "name fewer"
        )
    return seeds


def _controllers(config: CompareConfig, space: str | None, progress: Progress) -> str:
    if config.table is None:
        raise ConfigError(
            "controllers alone are rewarded by a published table, but none is given; add --table "
            "NAME=PATH"
        )
    table = read_table(config.table, data=config.table_data)
    if space not in (None, table.space):
        raise ConfigError(
            f"controllers alone draw from the space of the table, {table.space!r}, but got "
            f"{space!r}; leave --space out"
        )
    cells = list(config.cells())
    [setting, *others] = dict.fromkeys(cell.setting for cell in cells)
    if others:
        raise ConfigError(
            f"controllers alone run in one setting, but the comparison has {setting}, "
            f"{', '.join(others)}; leave the file out and give --constraint"
        )
    configs = {
        method: config.search_config(Cell(setting, method, 0))
        for method in dict.fromkeys(cell.method for cell in cells)
    }
    seeds = list(dict.fromkeys(cell.seed for cell in cells))
    return controllers_table(run_controllers(table, configs, seeds, progress=progress))
