"""The table of a comparison, in cells and as Markdown."""

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from statistics import median

from radars.comparison.rows import Row
from radars.units import format_bytes, format_seconds

Column = tuple[str, Callable[[Sequence[Row]], str]]


def markdown_table(rows: Iterable[Row]) -> str:
    """The table of `table_cells`, as Markdown."""
    return as_markdown(*table_cells(rows))


def as_markdown(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A table of cells, as Markdown."""
    rules = "|" + "---|" * len(header)
    written = [f"| {' | '.join(cells)} |" for cells in (header, *lines)]
    return "\n".join([written[0], rules, *written[1:]]) + "\n"


def table_cells(rows: Iterable[Row]) -> tuple[list[str], list[list[str]]]:
    """A header, and a line for each setting and method.

    In it are medians over seeds, with the range in parentheses.
    """
    ordered = sorted(rows, key=lambda row: (row.setting, row.method, row.seed))
    groups = [list(group) for _, group in groupby(ordered, lambda row: (row.setting, row.method))]
    columns = [column for column in _COLUMNS if any(column[1](group) for group in groups)]
    return [name for name, _ in columns], [[show(group) for _, show in columns] for group in groups]


def _spread(values: Sequence[float], show: Callable[[float], str]) -> str:
    if not values:
        return ""
    middle = show(median(values))
    low, high = show(min(values)), show(max(values))
    return middle if low == high else f"{middle} ({low} to {high})"


def _percent(value: float) -> str:
    return f"{value:.2%}"


def _status(group: Sequence[Row]) -> str:
    counts = dict.fromkeys(dict.fromkeys(row.status for row in group), 0)
    for row in group:
        counts[row.status] += 1
    words = {status: status.replace("_", " ") for status in counts}
    if len(counts) == 1:
        return next(iter(words.values()))
    return ", ".join(f"{count} {words[status]}" for status, count in counts.items())


def _known(group: Sequence[Row], name: str) -> list[float]:
    values = (getattr(row, name) for row in group)
    return [float(value) for value in values if value is not None]


def _positive(group: Sequence[Row], name: str) -> list[float]:
    return [value for value in _known(group, name) if value]


_COLUMNS: tuple[Column, ...] = (
    ("setting", lambda group: group[0].setting),
    ("method", lambda group: group[0].method),
    ("status", _status),
    ("seeds", lambda group: str(len(group))),
    ("test accuracy", lambda group: _spread(_known(group, "test_accuracy"), _percent)),
    ("table accuracy", lambda group: _spread(_known(group, "table_accuracy"), _percent)),
    ("rank", lambda group: _spread(_known(group, "rank"), lambda rank: f"{rank:.0f}")),
    (
        "regret",
        lambda group: _spread(_known(group, "regret"), lambda regret: f"{100 * regret:.2f}"),
    ),
    (
        "search time",
        lambda group: _spread(_positive(group, "search_seconds"), format_seconds),
    ),
    (
        "memory measured",
        lambda group: _spread(
            _positive(group, "measured_peak_bytes"), lambda size: format_bytes(int(size))
        ),
    ),
    (
        "memory needed",
        lambda group: _spread(_known(group, "needed_bytes"), lambda size: format_bytes(int(size))),
    ),
)
