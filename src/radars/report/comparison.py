"""The table and the plots of a comparison."""

from collections.abc import Callable, Sequence
from functools import partial

from radars.compare.report import table_cells
from radars.compare.run import Row
from radars.report.plot import Plot, Series, Table, byte_unit, time_unit
from radars.report.record import Comparison
from radars.units import format_bytes, format_seconds


def comparison_table(comparison: Comparison) -> Table:
    """As `radars compare` prints it."""
    return Table(*table_cells(comparison.rows))


def comparison_plots(comparison: Comparison) -> list[Plot]:
    """Accuracy, time and memory: a mark a search."""
    rows = comparison.rows
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
    return plots


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
    methods = list(dict.fromkeys(row.method for row in rows))
    series = []
    for setting in dict.fromkeys(row.setting for row in rows):
        of_setting = [row for row in rows if row.setting == setting]
        series.append(
            Series(
                setting,
                [methods.index(row.method) + _beside(row, of_setting) for row in of_setting],
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
        caption="A mark for each search; side by side are its seeds.",
        x_label="",
        y_label=y_label,
        table=Table(
            ["method", "setting", "seed", title.lower()],
            [[r.method, r.setting, str(r.seed), form.format(value(r))] for r in rows],
        ),
        series=series,
        x_ticks=list(enumerate(methods)),
        from_zero=from_zero,
    )


def _memory_plot(rows: Sequence[Row]) -> Plot:
    most = max(
        max(row.measured_peak_bytes, row.needed_bytes or 0, row.budget_bytes) for row in rows
    )
    size, unit = byte_unit(most)
    methods = list(dict.fromkeys(row.method for row in rows))
    ran = [row for row in rows if row.measured_peak_bytes]
    refused = [row for row in rows if row.needed_bytes]
    budgets = sorted({row.budget_bytes for row in rows})

    def at(some: Sequence[Row]) -> list[float]:
        return [methods.index(row.method) + _beside(row, some) for row in some]

    series = [
        Series(
            "measured peak",
            at(ran),
            [row.measured_peak_bytes / size for row in ran],
            "points",
            [f"{r.method}, seed {r.seed}: {format_bytes(r.measured_peak_bytes)}" for r in ran],
        ),
        Series(
            "needed, so it did not run",
            at(refused),
            [(row.needed_bytes or 0) / size for row in refused],
            "points",
            [f"{r.method} needs {format_bytes(r.needed_bytes or 0)}" for r in refused],
        ),
        *(
            Series(
                f"budget {format_bytes(budget)}",
                [-0.5, len(methods) - 0.5],
                [budget / size] * 2,
                "limit",
            )
            for budget in budgets
        ),
    ]
    return Plot(
        key="memory",
        title="Memory against the budget",
        caption="The most that a training step held, and what methods that do not fit would need.",
        x_label="",
        y_label=f"memory ({unit})",
        table=Table(
            ["method", "seed", "measured", "needed", "budget", "time"],
            [
                [
                    r.method,
                    str(r.seed),
                    format_bytes(r.measured_peak_bytes) if r.measured_peak_bytes else "did not run",
                    format_bytes(r.needed_bytes) if r.needed_bytes else "",
                    format_bytes(r.budget_bytes),
                    format_seconds(r.search_seconds),
                ]
                for r in rows
            ],
        ),
        series=[one for one in series if one.x],
        x_ticks=list(enumerate(methods)),
        from_zero=True,
    )


def _percent_of(row: Row, name: str) -> float:
    return 100 * float(getattr(row, name))


def _beside(row: Row, rows: Sequence[Row]) -> float:
    """How far a mark is from the middle of its method, so that seeds do not cover each other."""
    seeds = sorted({other.seed for other in rows if other.method == row.method})
    return (seeds.index(row.seed) - (len(seeds) - 1) / 2) * min(0.12, 0.6 / len(seeds))
