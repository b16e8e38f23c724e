"""The table and the plots of a comparison."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from radars.comparison.comparison_config import Cell
from radars.comparison.paired import (
    DIFFERENCES_TITLE,
    REFERENCE,
    Difference,
    differences_cells,
    paired_differences,
    ranks_cells,
)
from radars.comparison.results_table import table_cells
from radars.comparison.rows import Row
from radars.reporting.anytime import mean_anytime_plot
from radars.reporting.plot import Plot, Series, TextTable, byte_unit, time_unit
from radars.reporting.record import ComparisonRecord
from radars.units import format_bytes, format_seconds


def comparison_table(comparison: ComparisonRecord) -> TextTable:
    """As `radars compare` prints it."""
    return TextTable(*table_cells(comparison.rows))


def origin_table(comparison: ComparisonRecord) -> TextTable:
    """When and where the searches ran; all that was, where they differ."""
    said: dict[str, set[str]] = {}
    for row in comparison.rows:
        for key, value in {"date": row.date, **row.environment}.items():
            said.setdefault(key, set()).add(value)
    rows = [[key, "; ".join(sorted(values - {""}))] for key, values in said.items()]
    return TextTable(["", comparison.name], [row for row in rows if row[1]])


def differences_table(comparison: ComparisonRecord) -> TextTable:
    """How far contenders are above or below `radars`; no rows where nothing compares."""
    return TextTable(*differences_cells(comparison.rows))


def ranks_table(comparison: ComparisonRecord) -> TextTable:
    """The mean rank of each method; no rows where nothing compares."""
    return TextTable(*ranks_cells(comparison.rows))


def comparison_plots(comparison: ComparisonRecord) -> list[Plot]:
    """Accuracy, time and memory: a mark a search. Differences, and accuracy against time: means."""
    rows = sorted(comparison.rows, key=lambda row: (row.setting, row.method, row.seed))
    plots = []
    for key, title in (
        ("test_accuracy", "Test accuracy, trained from scratch"),
        ("table_accuracy", "Accuracy in the published table"),
        ("validation_accuracy", "Validation accuracy, as each search saw it"),
    ):
        known = [row for row in rows if getattr(row, key) is not None]
        if known:
            percent = partial(_percent_of, name=key)
            plots.append(_plot(key, title, "accuracy (%)", known, percent, "{:.2f}%"))
    timed = [row for row in rows if row.search_seconds]
    if timed:
        unit_seconds, unit = time_unit(max(row.search_seconds for row in timed))
        plots.append(
            _plot(
                "search_time",
                "Search time",
                f"time ({unit})",
                timed,
                lambda row: row.search_seconds / unit_seconds,
                "{:.1f} " + unit,
                from_zero=True,
            )
        )
    measured = [row for row in rows if row.measured_peak_bytes or row.needed_bytes]
    if measured:
        plots.append(_memory_plot(measured))
    if differences := paired_differences(comparison.rows):
        plots.append(_differences_plot(differences, differences_table(comparison)))
    if (anytime := mean_anytime_plot(comparison)) is not None:
        plots.append(anytime)
    return plots


def _differences_plot(differences: Sequence[Difference], table: TextTable) -> Plot:
    """The mean difference of each contender, with its interval."""
    notes = [f"{d.method}, {d.setting}: {d.mean:+.2f} points" for d in differences]
    ends: list[tuple[float, float | None]] = []
    for index, known in enumerate(differences):
        if known.interval is not None:
            ends += [(index, end) for end in known.interval]
            ends.append((index, None))  # the next one is not joined to it
    series = [
        Series("95% interval", [x for x, _ in ends], [y for _, y in ends], "line"),
        Series("mean", range(len(differences)), [d.mean for d in differences], "points", notes),
        Series("no difference", [-0.5, len(differences) - 0.5], [0.0, 0.0], "limit"),
    ]
    return Plot(
        key="differences",
        title=DIFFERENCES_TITLE,
        caption="Above 0: better than radars. Other methods are compared within their setting; "
        "settings of radars, which may leave out a part of it, with its first. The bar is the 95% "
        "bootstrap interval of the mean over the seeds that both have.",
        x_label="",
        y_label="accuracy (points)",
        table=table,
        series=[one for one in series if one.x],
        x_ticks=[(index, _contender(known)) for index, known in enumerate(differences)],
    )


def _contender(known: Difference) -> str:
    """What differs from the reference: a setting of it, or a method in a setting."""
    return known.setting if known.method == REFERENCE else f"{known.method}, {known.setting}"


def _plot(
    key: str,
    title: str,
    y_label: str,
    rows: Sequence[Row],
    value: Callable[[Row], float],
    form: str,
    *,
    from_zero: bool = False,
) -> Plot:
    methods = sorted({row.method for row in rows})
    at = _places(rows, methods)
    series = []
    for setting in dict.fromkeys(row.setting for row in rows):
        of_setting = [row for row in rows if row.setting == setting]
        series.append(
            Series(
                setting,
                [at[row.cell] for row in of_setting],
                [value(row) for row in of_setting],
                "points",
                [
                    f"{r.method}, {r.setting}, seed {r.seed}: {form.format(value(r))}"
                    for r in of_setting
                ],
            )
        )
    return Plot(
        key=key.replace("_", "-"),
        title=title,
        caption="A mark for each search; side by side are settings and seeds.",
        x_label="",
        y_label=y_label,
        table=TextTable(
            ["method", "setting", "seed", title.lower()],
            [[r.method, r.setting, str(r.seed), form.format(value(r))] for r in rows],
        ),
        series=series,
        x_ticks=list(enumerate(methods)),
        from_zero=from_zero,
    )


def _memory_plot(rows: Sequence[Row]) -> Plot:
    methods = sorted({row.method for row in rows})
    shown_bytes = _shown_bytes(rows)
    size, unit = byte_unit(shown_bytes)
    series = [
        one
        for setting in dict.fromkeys(row.setting for row in rows)
        for one in _memory_series(setting, rows, _places(rows, methods), size, shown_bytes)
    ]
    series += [
        Series(
            f"budget {format_bytes(budget)}",
            [-0.5, len(methods) - 0.5],
            [budget / size] * 2,
            "limit",
        )
        for budget in sorted({row.budget_bytes for row in rows})
    ]
    return Plot(
        key="memory",
        title="Memory against the budget",
        caption="The most that a training step held, and what methods that do not fit would need. "
        "An arrow (↑): it is beyond the scale.",
        x_label="",
        y_label=f"memory ({unit})",
        table=_memory_table(rows),
        series=[one for one in series if one.x],
        x_ticks=list(enumerate(methods)),
        from_zero=True,
    )


def _memory_series(
    setting: str,
    rows: Sequence[Row],
    at: Mapping[Cell, float],
    size: float,
    shown_bytes: float,
) -> list[Series]:
    """What the searches of a setting held, and what those that did not fit would need."""
    of_setting = [row for row in rows if row.setting == setting]
    ran = [row for row in of_setting if row.measured_peak_bytes]
    refused = [(row, row.needed_bytes) for row in of_setting if row.needed_bytes]
    return [
        Series(
            f"{setting}: measured peak",
            [at[row.cell] for row in ran],
            [row.measured_peak_bytes / size for row in ran],
            "points",
            [f"{_name(r)}: {format_bytes(r.measured_peak_bytes)}" for r in ran],
        ),
        Series(
            f"{setting}: needed, so it did not run",
            [at[row.cell] for row, _ in refused],
            [min(needed, shown_bytes) / size for _, needed in refused],
            "points",
            [f"{_name(row)} needs {format_bytes(needed)}" for row, needed in refused],
            [f"↑ {n / size:.0f}" if n > shown_bytes else "" for _, n in refused],
        ),
    ]


def _memory_table(rows: Sequence[Row]) -> TextTable:
    return TextTable(
        ["setting", "method", "seed", "measured", "needed", "budget", "time"],
        [
            [
                r.setting,
                r.method,
                str(r.seed),
                format_bytes(r.measured_peak_bytes) if r.measured_peak_bytes else "did not run",
                format_bytes(r.needed_bytes) if r.needed_bytes else "",
                format_bytes(r.budget_bytes),
                format_seconds(r.search_seconds),
            ]
            for r in rows
        ],
    )


def _percent_of(row: Row, name: str) -> float:
    return 100 * float(getattr(row, name))


def _name(row: Row) -> str:
    return f"{row.method}, {row.setting}, seed {row.seed}"


def _shown_bytes(rows: Sequence[Row]) -> float:
    """How far an axis of memory goes: not so far that what ran could not be told apart."""
    within = max(max(row.measured_peak_bytes, row.budget_bytes) for row in rows)
    needed = [row.needed_bytes or 0 for row in rows]
    most = max(within, *(size for size in needed if size <= _MOST_BEYOND * within), 0)
    return most if max(needed) <= most else 1.3 * most


_MOST_BEYOND = 3  # times what ran and what was allowed


def _places(rows: Sequence[Row], methods: Sequence[str]) -> dict[Cell, float]:
    """Where each mark is: at its method, beside those of other settings and seeds."""
    places = {}
    for index, method in enumerate(methods):
        cells = [row.cell for row in rows if row.method == method]
        apart = min(0.12, 0.7 / len(cells))
        for position, cell in enumerate(cells):
            places[cell] = index + (position - (len(cells) - 1) / 2) * apart
    return places
