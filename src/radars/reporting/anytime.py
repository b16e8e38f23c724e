"""`anytime_plot`: how soon each of several searches had found how good a network.

`mean_anytime_plot` has the means over seeds of each contender of a comparison.
"""

from collections.abc import Sequence
from statistics import fmean

from radars.reporting.plot import Plot, Series, series_table, time_unit
from radars.reporting.record import ComparisonRecord, RunRecord
from radars.runs.event_schema import ChildEvent, SelectionEvent
from radars.units import format_seconds


def anytime_plot(runs: Sequence[RunRecord], *, at_least: int = 2) -> Plot | None:
    """The best accuracy that each of several searches had found, over time.

    Counted are architectures that were trained alone: children, and finalists of the selection.

    Args:
        runs: the searches.
        at_least: how many of them must have found something; otherwise there is no plot.
    """
    curves = [(run, found) for run in runs if (found := _best_so_far(run))]
    if len(curves) < at_least:
        return None
    unit_seconds, unit = time_unit(max(run.total_seconds for run, _ in curves))
    series = [_series(run.name, found, unit_seconds) for run, found in curves]
    return Plot(
        key="anytime",
        title="Best accuracy so far",
        caption=f"{_CAPTION} Searches that train with other settings or other data do not compare.",
        x_label=f"time ({unit})",
        y_label="accuracy (%)",
        table=series_table(series, f"time ({unit})", "{:.2f}%"),
        series=series,
    )


def mean_anytime_plot(comparison: ComparisonRecord) -> Plot | None:
    """The same of the contenders of a comparison: means over seeds, from when all have found one.

    None where no search left events of what it had found.
    """
    found: dict[str, list[Curve]] = {}
    for row, run in comparison.searches:
        if curve := _best_so_far(run):
            found.setdefault(f"{row.method}, {row.setting}", []).append(curve)
    if not found:
        return None
    longest_seconds = max(run.total_seconds for _, run in comparison.searches)
    unit_seconds, unit = time_unit(longest_seconds)
    means = {name: _mean(curves) for name, curves in found.items()}
    series = [_series(name, curve, unit_seconds) for name, curve in means.items()]
    return Plot(
        key="anytime",
        title="Best accuracy so far, mean over seeds",
        caption=_CAPTION,
        x_label=f"time ({unit})",
        y_label="accuracy (%)",
        table=series_table(series, f"time ({unit})", "{:.2f}%"),
        series=series,
    )


_CAPTION = (
    "The best validation accuracy of an architecture that was trained alone (a child, or a "
    "finalist of the selection), against the time of the search."
)

Curve = list[tuple[float, float]]
"""Seconds, and the best accuracy from then on."""


def _series(name: str, curve: Curve, unit_seconds: float) -> Series:
    return Series(
        name,
        [seconds / unit_seconds for seconds, _ in curve],
        [100 * accuracy for _, accuracy in curve],
        "steps",
        [f"{name}, {format_seconds(seconds)}: {accuracy:.2%}" for seconds, accuracy in curve],
    )


def _mean(curves: Sequence[Curve]) -> Curve:
    """The mean of curves, from when each has begun."""
    begun = max(curve[0][0] for curve in curves)
    times = sorted({max(begun, seconds) for curve in curves for seconds, _ in curve})
    return [
        (time, fmean(max(best for seconds, best in curve if seconds <= time) for curve in curves))
        for time in times
    ]


def _best_so_far(run: RunRecord) -> Curve:
    """Seconds and accuracies, each better than the one before; the last goes on to the end."""
    found: list[tuple[float, float]] = []
    for event in run.events:
        if not isinstance(event, ChildEvent | SelectionEvent):
            continue
        accuracies = [event.accuracy] if isinstance(event, ChildEvent) else event.accuracies
        best = max((a for a in accuracies if a is not None), default=None)
        if best is not None and (not found or best > found[-1][1]):
            found.append((run.seconds(event), best))
    if found and run.total_seconds > found[-1][0]:
        found.append((run.total_seconds, found[-1][1]))
    return found
