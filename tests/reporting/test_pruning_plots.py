from collections.abc import Callable
from pathlib import Path

from radars.reporting import RunRecord, read_directory
from radars.reporting.pruning_plots import preferences_plots, stages_plot
from radars.reporting.to_plotly import plotly_figure

FULL = {"a": ["skip", "conv"], "b": ["skip", "conv"]}
START = {"event": "search_started", "candidates": FULL}
PLAN = {"event": "planned", "round": 0, "subspace": {"a": ["skip"], "b": ["skip", "conv"]}}


def run_of(path: Path) -> RunRecord:
    run = read_directory(path)
    assert isinstance(run, RunRecord)
    return run


def test_what_the_last_plan_dropped_and_the_selection_found_is_explained(
    written_run: Callable[..., Path],
) -> None:
    selection = {
        "event": "selection",
        "finalists": [{"a": "conv", "b": "skip"}],
        "accuracies": [0.9],
    }
    run = run_of(written_run(START, PLAN, selection, architecture={"a": "conv", "b": "skip"}))
    plot = stages_plot(run)
    assert plot is not None
    assert plot.heat_map is not None
    assert plot.heat_map.texts == [["2 ●", "1", "1 ●", "1 ●"], ["2 ●", "2 ●", "1 ●", "1 ●"]]
    axis = plotly_figure(plot)["layout"]["yaxis"]
    assert axis["autorange"] == "reversed"
    assert "rangemode" not in axis  # the first row begins above 0
    assert plot.heat_map.notes[0][1] == "a, round 1: 1 of 2: skip; without conv, which was found"
    assert plot.caption.endswith("The last plan had dropped a conv.")


def test_nothing_is_explained_where_nothing_was_dropped_or_found(
    written_run: Callable[..., Path], tmp_path: Path
) -> None:
    for architecture in ({"a": "skip", "b": "skip"}, None):
        run = run_of(written_run(START, PLAN, architecture=architecture))
        plot = stages_plot(run)
        assert plot is not None
        assert "dropped" not in plot.caption
        assert ("●" in plot.caption) == (architecture is not None)
        (tmp_path / "run").rename(tmp_path / str(architecture))


def test_what_was_found_is_marked_where_preferences_are_shown(
    written_run: Callable[..., Path],
) -> None:
    values = {"a": [0.5, 0.5], "b": [None, 1.0]}
    events = [{"event": "preferences", "seconds": s, "values": values} for s in (1.0, 2.0)]
    run = run_of(written_run(START, *events, architecture={"a": "conv", "b": "skip"}))
    [plot] = preferences_plots(run)
    assert plot.heat_map is not None
    assert list(plot.heat_map.row_labels) == ["a skip", "● a conv", "● b skip", "b conv"]
