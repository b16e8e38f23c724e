from collections.abc import Callable
from pathlib import Path

import pytest

from radars.errors import ConfigError, RunError
from radars.reporting.record import RunRecord, named_apart, read_directory
from radars.runs.event_schema import PreferencesEvent, ProgressEvent, SelectionEvent


def test_a_search_is_read_as_it_happened(run_path: Path) -> None:
    run = read_directory(run_path)
    assert isinstance(run, RunRecord)
    assert not run.is_training
    assert set(run.candidates) == set(run.architecture) == {"a", "b", "c"}
    assert run.started is not None
    assert run.started.network is not None
    assert run.started.environment["device"] == "cpu"
    assert {event.phase for event in run.all(PreferencesEvent)} == {"explore", "differentiate"}
    for event in run.all(PreferencesEvent):
        for choice, values in event.values.items():
            assert len(values) == len(run.candidates[choice])
            assert sum(value or 0.0 for value in values) == pytest.approx(1, abs=0.01)
    seconds = [run.seconds(event) for event in run.all(ProgressEvent)]
    assert seconds == sorted(seconds)
    assert run.all(SelectionEvent)


def test_what_is_no_run_is_refused_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"neither config\.yaml nor") as caught:
        read_directory(tmp_path)
    assert "\n" not in str(caught.value)


def test_an_event_of_another_form_is_refused_with_its_line(
    written_run: Callable[..., Path],
) -> None:
    good = {"time": 1.0, "event": "search_started", "space": "x"}
    unknown = {"time": 1.5, "event": "of a later version"}
    bad = {"time": 2.0, "event": "progress", "accuracy": "high"}
    with pytest.raises(RunError, match=r"line 3 of .* has a wrong accuracy"):
        read_directory(written_run(good, unknown, bad))


def test_a_damaged_front_is_refused(written_run: Callable[..., Path]) -> None:
    out = written_run()
    (out / "pareto.json").write_text('{"points": [{"accuracy": []}]}')
    with pytest.raises(ConfigError, match=r"pareto\.json is as radars writes it"):
        read_directory(out)


def test_directories_of_one_name_are_told_apart() -> None:
    assert named_apart([Path("/x/run"), Path("/y/other")]) == ["run", "other"]
    assert named_apart([Path("/x/a/search"), Path("/x/b/search")]) == ["a/search", "b/search"]
    assert named_apart([Path("/x/run")]) == ["run"]
