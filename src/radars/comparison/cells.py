"""`compare`: runs the cells of a comparison that are not done, and keeps a row for each."""

import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from traceback import format_exc

import torch

from radars.comparison.comparison_config import Cell, CompareConfig
from radars.comparison.published_table import PublishedTable
from radars.comparison.read_table import read_table
from radars.comparison.rows import RESULTS_NAME, Row, read_rows
from radars.engine.given import Given
from radars.engine.run import run_search
from radars.engine.search_config import SearchConfig
from radars.engine.search_result import SearchResult, read_search
from radars.errors import BudgetError, ConfigError, RadarsError, RunError, first_line
from radars.execution.device import device_of
from radars.execution.environment import environment
from radars.execution.executor import Lost, Needs, new_executor
from radars.reading import MOST_JSON_BYTES, read_file
from radars.runs.files import make_directory, to_json, write_atomically
from radars.runs.read_run import read_config, read_result
from radars.settings import validate_settings
from radars.space import Architecture
from radars.tracking.progress import NoProgress, Progress
from radars.training.trained import load_trained
from radars.training.training_job import train_architecture

ERROR_NAME = "error.txt"
LOST_NAME = "lost.jsonl"


def compare(
    config: CompareConfig,
    out: str | Path,
    progress: Progress | None = None,
    given: Given | None = None,
) -> list[Row]:
    """Runs every cell that has something left to do; returns the rows of all cells.

    That is one that has no row yet or failed, was not trained where `train` is set, or did not fit
    another budget. Rows that are there are judged by the table, too.

    A cell that fails has a row that says so and a file `error.txt`, and the others go on. Each cell
    has a directory of its own, and goes on from its checkpoint where the comparison was stopped. A
    row is kept as soon as its cell and those before it are done, so a comparison can be made in
    several sittings, and extended later by more methods, seeds or settings. Cells that run side by
    side in processes (`executor.jobs`) have their share of the processor's threads each, unless the
    search says `num_threads`; results in the last bits depend on it. Workers that were lost, and
    whose cells were taken up again, are listed in `lost.jsonl`.

    Args:
        config: the comparison.
        out: its directory.
        progress: shows people how far it is.
        given: objects that every search and training uses instead of what the settings name.

    Raises:
        ConfigError: a setting is not valid, or not that of a cell that was begun; nothing is run.
        Stopped: it was interrupted; what is done is kept.
    """
    out, progress, given = Path(out).absolute(), progress or NoProgress(), given or Given()
    searches = {cell: given.recorded(config.search_config(cell)) for cell in config.cells()}
    for search in searches.values():
        config.train_config(search)  # checked before anything is run
    table = None
    if config.table is not None:
        table = read_table(config.table, data=config.table_data)
        _check_judged(searches, table)
    rows = {row.cell: row for row in read_rows(out / RESULTS_NAME)}
    for cell, search in searches.items():
        _check_same(search, out / cell.key / "search")
    for cell in searches:
        if cell in rows and (judged := _judged(rows[cell], table, searches[cell])) != rows[cell]:
            rows[cell] = judged
            _append(out / RESULTS_NAME, judged)
    trains = config.train is not None
    left = [c for c, search in searches.items() if _is_left(rows.get(c), search, trains=trains)]
    needs = [_needs(searches[cell], config.executor.jobs) for cell in left]
    with (
        new_executor(config.executor) as executor,
        progress.phase("cells", len(searches), len(searches) - len(left)) as bar,
    ):
        run = partial(_run_cell, config, given, out=out)
        if executor.is_here:
            run = partial(run, progress=progress)
        for row in executor.map(run, left, needs, on_lost=partial(_append, out / LOST_NAME)):
            rows[row.cell] = row = _judged(row, table, searches[row.cell])
            _append(out / RESULTS_NAME, row)
            bar.advance()
    return [rows[cell] for cell in searches]


def _is_left(row: Row | None, search: SearchConfig, *, trains: bool) -> bool:
    if row is None or row.status == "failed":
        return True
    if row.status == "exceeded_memory":
        return row.budget_bytes != search.budget
    return trains and row.test_accuracy is None


def _judged(row: Row, table: PublishedTable | None, search: SearchConfig) -> Row:
    """The row with what the table says of what was found."""
    found = row.architecture
    if table is None or found is None:
        return row
    return replace(
        row,
        table_accuracy=table.accuracy(found),
        rank=table.rank(found, search.constraints),
        regret=table.regret(found, search.constraints),
    )


def _needs(search: SearchConfig, jobs: int) -> Needs:
    num_threads = search.num_threads or max(1, torch.get_num_threads() // jobs)
    return Needs(search.budget, num_threads, device_of(search.device))


def _run_cell(
    config: CompareConfig,
    given: Given,
    cell: Cell,
    *,
    out: Path,
    progress: Progress | None = None,
) -> Row:
    try:
        return _finished_cell(config, given, cell, out=out, progress=progress)
    except Exception as error:
        # what is wrong with the settings or the data is wrong for others too
        if isinstance(error, RadarsError) and not isinstance(error, RunError):
            raise
        folder = out / cell.key
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / ERROR_NAME).write_text(format_exc(), encoding="utf-8")
        return Row(
            setting=cell.setting,
            method=cell.method,
            seed=cell.seed,
            status="failed",
            architecture=None,
            validation_accuracy=None,
            test_accuracy=None,
            table_accuracy=None,
            rank=None,
            regret=None,
            search_seconds=0.0,
            budget_bytes=config.search_config(cell).budget,
            predicted_peak_bytes=0,
            measured_peak_bytes=0,
            needed_bytes=None,
            macs=0,
            parameters=0,
            date=time.strftime("%Y-%m-%d"),
            environment=environment(device_of(config.search_config(cell).device)),
            reason=first_line(error),
        )


def _finished_cell(
    config: CompareConfig,
    given: Given,
    cell: Cell,
    *,
    out: Path,
    progress: Progress | None = None,
) -> Row:
    search, out, progress = config.search_config(cell), out / cell.key, progress or NoProgress()
    needed_bytes = None
    if _did_not_fit(search, out / "search"):
        shutil.rmtree(out / "search")
    result = _finished(out / "search")
    if result is None:
        is_begun = read_config(out / "search") is not None
        try:
            result = run_search(
                search, given, out=out / "search", resume=is_begun, progress=progress
            )
        except BudgetError as error:
            needed_bytes = error.needed_bytes
    test_accuracy = None
    found = None if result is None else result.architecture
    if found is not None:
        test_accuracy = _test_accuracy(config, search, given, found, out / "train", progress)
    return Row(
        setting=cell.setting,
        method=cell.method,
        seed=cell.seed,
        status="exceeded_memory" if result is None else result.status,
        architecture=None if found is None else dict(found),
        validation_accuracy=None if result is None else result.validation_accuracy,
        test_accuracy=test_accuracy,
        table_accuracy=None,
        rank=None,
        regret=None,
        search_seconds=0.0 if result is None else result.search_seconds,
        budget_bytes=search.budget,
        predicted_peak_bytes=0 if result is None else result.predicted_peak_bytes,
        measured_peak_bytes=0 if result is None else result.measured_peak_bytes,
        needed_bytes=needed_bytes,
        macs=0 if result is None else result.macs,
        parameters=0 if result is None else result.parameters,
        date=time.strftime("%Y-%m-%d"),
        environment=environment(device_of(search.device)),
    )


def _check_same(search: SearchConfig, out: Path) -> None:
    """Refuses other settings than those that a search was begun with.

    Raises:
        ConfigError: they are not the same.
    """
    stored = read_config(out)
    if stored is None or _did_not_fit(search, out):
        return
    # validated: a setting that is newer than the cell has its default
    changes = validate_settings(SearchConfig, stored).kept_changes(search)
    for key, (before, asked) in changes.items():
        raise ConfigError(
            f"a cell keeps its settings, but {key} of {out} was {before!r} and is now {asked!r}; "
            f"leave it, or choose another --out"
        )


def _did_not_fit(search: SearchConfig, out: Path) -> bool:
    """Whether the search there found nothing, under another budget than it is to have now."""
    result = read_result(out) or {}
    is_refused = result.get("status") == "exceeded_memory"
    return is_refused and result.get("budget_bytes") != search.budget


def _check_judged(searches: Mapping[Cell, SearchConfig], table: PublishedTable) -> None:
    """Refuses a table that cannot judge what the searches will find.

    Raises:
        ConfigError: it is of another space, or does not say what a constraint bounds.
    """
    for cell, search in searches.items():
        if search.space != table.space:
            raise ConfigError(
                f"a table judges searches of its own space, but {table.name} is of {table.space} "
                f"and {cell.key} searches {search.space}; give --space {table.space}, or leave "
                f"--table out"
            )
        table.num_allowed(search.constraints)


def _finished(out: Path) -> SearchResult | None:
    """The result of a search that ended before."""
    found = read_search(out)
    is_over = found is not None and found.status in ("completed", "exceeded_time")
    return found if is_over else None


def _test_accuracy(
    config: CompareConfig,
    search: SearchConfig,
    given: Given,
    architecture: Architecture,
    out: Path,
    progress: Progress,
) -> float | None:
    train = config.train_config(search)
    if train is None:
        return None
    if (read_result(out) or {}).get("status") != "completed":
        is_begun = read_config(out) is not None
        train_architecture(
            architecture,
            train,
            space=given.space,
            data=given.data,
            task=given.task,
            out=out,
            resume=is_begun,
            progress=progress,
        )
    trained = load_trained(out, space=given.space, task=given.task)
    return trained.evaluate(given.data).test_accuracy


def _append(file: Path, row: Row | Lost) -> None:
    make_directory(file.parent)
    before = read_file(file, MOST_JSON_BYTES).decode() if file.exists() else ""
    write_atomically(file, before + to_json(asdict(row)) + "\n")
