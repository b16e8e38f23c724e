"""`compare`: runs the cells of a comparison that are not done, and keeps a row for each."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field, fields
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch

from radars.compare.config import Cell, CompareConfig
from radars.compare.tables import Table, read_table
from radars.errors import BudgetError, ConfigError
from radars.run import NoProgress, Progress, read_config, read_result
from radars.run.device import device_of
from radars.run.environment import environment
from radars.run.files import to_json, write_atomically
from radars.search.config import SearchConfig
from radars.search.job import run_search
from radars.search.result import SearchResult
from radars.settings import validate_settings
from radars.space import Architecture
from radars.train.evaluate import evaluate_run
from radars.train.job import train_architecture

RESULTS_NAME = "results.jsonl"


@dataclass(frozen=True)
class Row:
    """What one cell ended with.

    Attributes:
        setting: the name of its setting.
        method: what searched.
        seed: of everything random.
        status: of the search.
        architecture: what was found; None where the method does not fit the budget.
        validation_accuracy: as the search says; a fraction.
        test_accuracy: after training from scratch; a fraction, None without one.
        table_accuracy: in the published table; a fraction, None without one.
        rank: in the table, among what the setting's constraints allow; 1 is the best.
        regret: to the best of the table that they allow, as a fraction.
        search_seconds: wall-clock.
        budget_bytes: what no step may hold.
        predicted_peak_bytes: the most that was predicted for a step that ran.
        measured_peak_bytes: the most that was measured.
        needed_bytes: what the method needs, where it does not fit.
        macs: multiply-accumulates of the architecture.
        parameters: of the architecture.
        date: when it ended: YYYY-MM-DD.
        environment: versions and hardware; names of what, and what.
    """

    setting: str
    method: str
    seed: int
    status: str
    architecture: dict[str, str] | None
    validation_accuracy: float | None
    test_accuracy: float | None
    table_accuracy: float | None
    rank: int | None
    regret: float | None
    search_seconds: float
    budget_bytes: int
    predicted_peak_bytes: int
    measured_peak_bytes: int
    needed_bytes: int | None
    macs: int
    parameters: int
    date: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def cell(self) -> Cell:
        """Whose row it is."""
        return Cell(self.setting, self.method, self.seed)


def compare(
    config: CompareConfig, out: str | Path, progress: Progress | None = None, jobs: int = 1
) -> list[Row]:
    """Runs every cell that has no row yet; returns the rows of all cells.

    Each cell has a directory of its own, and goes on from its checkpoint where the comparison was
    stopped. A row is kept as soon as its cell is done, so a comparison can be made in several
    sittings, and extended later by more methods, seeds or settings.

    Args:
        config: the comparison.
        out: its directory.
        progress: shows people how far it is.
        jobs: cells that run side by side, each in a process of its own with its share of the
            processor's cores. Results in the last bits depend on the number of cores.

    Raises:
        ConfigError: a setting is not valid, or not that of a cell that was begun; nothing is run.
        RunError: a search failed.
    """
    out, progress = Path(out), progress or NoProgress()
    searches = {cell: config.search_config(cell) for cell in config.cells()}
    for search in searches.values():
        config.train_config(search)  # checked before anything is run
    table = read_table(config.table) if config.table is not None else None
    rows = {row.cell: row for row in read_rows(out / RESULTS_NAME)}
    left = [cell for cell in searches if cell not in rows]
    with progress.phase("cells", len(searches), len(searches) - len(left)) as bar:
        run = partial(_run_cell, config, table=table, out=out)
        one_by_one = map(partial(run, progress=progress), left)
        for row in _side_by_side(run, left, jobs) if jobs > 1 else one_by_one:
            rows[row.cell] = row
            _append(out / RESULTS_NAME, row)
            bar.advance()
    return [rows[cell] for cell in searches]


def _side_by_side(run: Callable[[Cell], Row], cells: Sequence[Cell], jobs: int) -> Iterator[Row]:
    """Yields rows as they come. Ctrl-C reaches the processes too, which save and leave."""
    num_threads = max(1, torch.get_num_threads() // jobs)
    with ProcessPoolExecutor(
        jobs, get_context("spawn"), initializer=torch.set_num_threads, initargs=(num_threads,)
    ) as pool:
        futures = [pool.submit(run, cell) for cell in cells]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def read_rows(file: Path) -> list[Row]:
    """The rows of the cells that are done; none where there is no file.

    Args:
        file: the `results.jsonl` of a comparison.

    Raises:
        ConfigError: the file is not one of a comparison.
    """
    names = {known.name for known in fields(Row)}
    try:
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        return [Row(**{n: v for n, v in json.loads(line).items() if n in names}) for line in lines]
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"results are JSON lines of a comparison, but {file} cannot be read: {error}; remove "
            f"it, or choose another --out"
        ) from error


def _run_cell(
    config: CompareConfig,
    cell: Cell,
    *,
    table: Table | None,
    out: Path,
    progress: Progress | None = None,
) -> Row:
    search, out, progress = config.search_config(cell), out / cell.key, progress or NoProgress()
    needed_bytes = None
    result = _finished(search, out / "search")
    if result is None:
        is_begun = read_config(out / "search") is not None
        try:
            result = run_search(search, out=out / "search", resume=is_begun, progress=progress)
        except BudgetError as error:
            needed_bytes = error.needed_bytes
    test_accuracy = None
    found = None if result is None else result.architecture
    if found is not None:
        test_accuracy = _test_accuracy(config, search, found, out / "train", progress)
    in_table = table is not None and found is not None
    return Row(
        setting=cell.setting,
        method=cell.method,
        seed=cell.seed,
        status="exceeded_memory" if result is None else result.status,
        architecture=None if found is None else dict(found),
        validation_accuracy=None if result is None else result.validation_accuracy,
        test_accuracy=test_accuracy,
        table_accuracy=table.accuracy(found) if table and found else None,
        rank=table.rank(found, search.constraints) if table and in_table and found else None,
        regret=table.regret(found, search.constraints) if table and found else None,
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


def _finished(search: SearchConfig, out: Path) -> SearchResult | None:
    """The result of a search that ended before, with the same settings."""
    found, result = read_config(out), read_result(out)
    if found is None:
        return None
    # settings that are newer than the cell have their defaults
    stored = json.loads(to_json(validate_settings(SearchConfig, found).model_dump(mode="json")))
    asked: Mapping[str, Any] = json.loads(to_json(search.model_dump(mode="json")))
    different = [key for key in asked if stored.get(key) != asked[key]]
    if different:
        raise ConfigError(
            f"a cell keeps its settings, but {different[0]} of {out} was "
            f"{stored.get(different[0])!r} and is now {asked[different[0]]!r}; leave it, or choose "
            f"another --out"
        )
    if result is None or result["status"] not in ("completed", "exceeded_time"):
        return None
    return SearchResult.from_dict(result)


def _test_accuracy(
    config: CompareConfig,
    search: SearchConfig,
    architecture: Architecture,
    out: Path,
    progress: Progress,
) -> float | None:
    train = config.train_config(search)
    if train is None:
        return None
    if (read_result(out) or {}).get("status") != "completed":
        is_begun = read_config(out) is not None
        train_architecture(architecture, train, out=out, resume=is_begun, progress=progress)
    return evaluate_run(out).test_accuracy


def _append(file: Path, row: Row) -> None:
    before = file.read_text(encoding="utf-8") if file.exists() else ""
    write_atomically(file, before + to_json(asdict(row)) + "\n")
