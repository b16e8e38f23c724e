"""`anytime_plot`: how soon each of several searches had found how good a network."""

from collections.abc import Sequence

from radars.reporting.plot import Plot, Series, series_table, time_unit
from radars.reporting.record import RunRecord
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
    series = [
        Series(
            run.name,
            [seconds / unit_seconds for seconds, _ in found],
            [100 * accuracy for _, accuracy in found],
            "steps",
            [
                f"{run.name}, {format_seconds(seconds)}: {accuracy:.2%}"
                for seconds, accuracy in found
            ],
        )
        for run, found in curves
    ]
    return Plot(
        key="anytime",
        title="Best accuracy so far",
        caption="The best validation accuracy of an architecture that was trained alone (a child, "
        "or a finalist of the selection), against the time of the search. Searches that train with "
        "other settings or other data do not compare.",
        x_label=f"time ({unit})",
        y_label="accuracy (%)",
        table=series_table(series, f"time ({unit})", "{:.2f}%"),
        series=series,
    )


def _best_so_far(run: RunRecord) -> list[tuple[float, float]]:
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
