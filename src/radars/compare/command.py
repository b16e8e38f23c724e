"""What the command line asks of a comparison."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from radars.compare.config import CompareConfig
from radars.compare.report import markdown_table
from radars.compare.run import compare
from radars.errors import ConfigError, Stopped
from radars.run import Progress
from radars.run.files import write_atomically
from radars.settings import merge_settings, read_settings, validate_settings

TABLE_NAME = "table.md"


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
    jobs: int = 1,
) -> str:
    """Runs what is left of a comparison; returns its table and writes it to `table.md`.

    Args:
        given: settings of every search, from options.
        methods: names with commas between; over the grids of the file.
        seeds: numbers with commas between; likewise.
        table: `NAME=PATH` of a published table.
        config_file: a YAML file of a comparison.
        overrides: `key.path=value`, of every search.
        out: the directory of the comparison.
        progress: shows people how far it is.
        jobs: cells that run side by side.

    Raises:
        ConfigError: something that was given is not valid.
        Stopped: it was interrupted; what is done is kept.
    """
    settings = read_settings(config_file) if config_file is not None else {}
    search = merge_settings(settings.get("search") or {}, given, overrides=overrides)
    asked: dict[str, Any] = {"search": search}
    if table is not None:
        asked["table"] = table
    if methods is not None or seeds is not None:
        grid: dict[str, Any] = {}
        if methods is not None:
            grid["methods"] = _parts(methods)
        if seeds is not None:
            grid["seeds"] = [_seed(part) for part in _parts(seeds)]
        asked["grids"] = [grid]
    config = validate_settings(CompareConfig, {**settings, **asked})
    try:
        rows = compare(config, out, progress, jobs)
    except Stopped as error:
        raise Stopped(f"{error}; go on with the same command and --out {out}") from error
    text = markdown_table(rows)
    write_atomically(out / TABLE_NAME, text)
    return text


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _seed(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ConfigError(
            f"seeds are whole numbers with commas between, but got {text!r}; write them like 0,1,2"
        ) from None
