import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from radars.reporting import RunRecord, read_directory
from radars.reporting.plot import Span
from radars.reporting.run_plots import memory_plot, spans
from radars.reporting.to_plotly import plotly_figure

Write = Callable[..., Path]


def progress(phase: str, seconds: float) -> dict[str, Any]:
    return {"event": "progress", "phase": phase, "seconds": seconds, "measured_peak_bytes": 2**20}


EVENTS = (
    {"event": "search_started", "space": "x"},
    {"event": "phase_started", "phase": "explore", "round": 0},
    progress("explore", 10.0),
    {"event": "phase_ended", "phase": "explore", "round": 0, "seconds": 20.0},
    {"event": "phase_started", "phase": "differentiate", "round": 0},
    progress("differentiate", 30.0),
    progress("differentiate", 50.0),
)
EXPLORE = Span(0.0, 20.0, "1 explore")


def run_of(path: Path) -> RunRecord:
    run = read_directory(path)
    assert isinstance(run, RunRecord)
    return run


@pytest.mark.parametrize("status", [None, "exceeded_time"])
def test_a_phase_that_did_not_end_goes_on_to_the_latest_event(
    status: str | None, written_run: Write
) -> None:
    out = written_run(*EVENTS, {"event": "search_ended"})
    if status is not None:
        (out / "result.json").write_text(json.dumps({"status": status}))
    run = run_of(out)
    assert spans(run) == [EXPLORE, Span(20.0, 50.0, "1 diff.", is_shaded=True)]
    plot = memory_plot(run)
    assert plot is not None
    figure = plotly_figure(plot)
    assert figure["layout"]["xaxis"]["range"] == [0.0, 50.0]


def test_a_phase_that_took_no_time_has_no_span(written_run: Write) -> None:
    end = {"event": "phase_ended", "phase": "differentiate", "round": 0, "seconds": 20.0}
    assert spans(run_of(written_run(*EVENTS[:5], end))) == [EXPLORE]
