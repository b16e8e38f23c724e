from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.reporting.conftest import row

from radars.reporting import RunRecord, read_directory
from radars.reporting.anytime import anytime_plot, mean_anytime_plot
from radars.reporting.record import ComparisonRecord


def child(seconds: float, accuracy: float) -> list[dict[str, Any]]:
    progress = {"event": "progress", "phase": "children", "seconds": seconds}
    return [progress, {"event": "child", "architecture": {"a": "x"}, "accuracy": accuracy}]


def test_several_searches_are_drawn_by_the_best_that_they_had_found(
    written_run: Callable[..., Path],
) -> None:
    events = [*child(1.0, 0.5), *child(2.0, 0.4), *child(4.0, 0.75), *child(8.0, 0.7)]
    run = read_directory(written_run(*events))
    assert isinstance(run, RunRecord)
    assert anytime_plot([run]) is None
    other = replace(run, name="other", events=run.events[:2])
    plot = anytime_plot([run, other])
    assert plot is not None
    assert [series.name for series in plot.series] == ["run", "other"]
    assert list(plot.series[0].x) == [1.0, 4.0, 8.0]
    assert list(plot.series[0].y) == [50.0, 75.0, 75.0]
    assert list(plot.series[1].y) == [50.0]


def test_of_a_comparison_contenders_are_drawn_by_the_mean_over_seeds(
    written_run: Callable[..., Path],
) -> None:
    first = read_directory(written_run(*child(1.0, 0.5), *child(4.0, 0.7), *child(6.0, 0.1)))
    assert isinstance(first, RunRecord)
    second = replace(first, events=first.events[2:])  # from 4 s on
    searches = ((row("random", 0, setting="s"), first), (row("random", 1, setting="s"), second))
    plot = mean_anytime_plot(ComparisonRecord("c", tuple(r for r, _ in searches), searches))
    assert plot is not None
    (series,) = plot.series
    assert series.name == "random, s"
    assert list(series.x) == [4.0, 6.0]
    assert list(series.y) == [70.0, 70.0]
    assert mean_anytime_plot(ComparisonRecord("c", tuple(r for r, _ in searches))) is None
