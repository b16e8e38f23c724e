import json
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.tiny import InterruptAt, assert_same_tensors, quick_config, tiny_data, tiny_space

from radars.engine import SearchConfig, SearchResult
from radars.engine.baselines import train_alike
from radars.engine.given import Given
from radars.engine.memory_guard import MemoryGuard
from radars.engine.methods.children import Children
from radars.engine.run import run_search
from radars.engine.search_result import read_search
from radars.errors import BudgetError, Stopped
from radars.runs.event_schema import BaselineEvent, Event, PhaseEndedEvent
from radars.runs.events import load_events
from radars.runs.read_run import read_result
from radars.testing import final_state
from radars.tracking import run_observer

BASELINE = {"names": "largest,smallest,random=2", "steps": 4}


def search(**options: Any) -> SearchResult:
    settings = {
        "baseline": BASELINE,
        "children": {"number": 2, "steps": 3},
        **options.pop("settings", {}),
    }
    method = settings.pop("method", "random")
    return run_search(
        quick_config(method, **settings), Given(space=tiny_space(), data=tiny_data()), **options
    )


def without_time(result: SearchResult) -> dict[str, Any]:
    others = ("directory", "search_seconds", "peak_rss_bytes")
    return {name: value for name, value in vars(result).items() if name not in others}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[SearchResult, Path]:
    out = tmp_path_factory.mktemp("runs") / "whole"
    return search(out=out), out


def test_the_end_of_a_search_shows_them_beside_what_was_found(
    whole: tuple[SearchResult, Path],
) -> None:
    result, out = whole
    table = result.baselines
    assert table is not None
    names = ["found", "largest", "smallest", "random 1", "random 2"]
    assert [row.name for row in table.rows] == names
    assert table.rows[0].architecture == result.architecture
    for row in table.rows:
        assert 0 < row.measured_peak_bytes <= row.predicted_peak_bytes * 1.02
        assert row.measured_peak_bytes <= result.measured_peak_bytes <= result.budget_bytes
    text = result.summary()
    for line in table.lines():
        assert line in text
    assert table.verdict in text
    stored = read_result(out)
    assert stored is not None
    assert stored["baselines"] == json.loads(json.dumps(table.to_dict()))
    assert read_search(out) == result
    events = [e for e in load_events(out / "events.jsonl") if isinstance(e, BaselineEvent)]
    assert {event.name: event.accuracy for event in events} == {
        row.name: row.accuracy for row in table.rows
    }


def test_they_change_nothing_else_of_a_search(whole: tuple[SearchResult, Path]) -> None:
    result, out = whole
    plain = search(settings={"baseline": ()})
    named = ("baselines", "measured_peak_bytes", "predicted_peak_bytes")
    assert plain.baselines is None
    assert "baselines" not in plain.to_dict()
    assert "baselines_left_out" not in result.to_dict()
    assert "trained alike" not in plain.summary()
    same = {name: value for name, value in without_time(plain).items() if name not in named}
    assert same == {k: v for k, v in without_time(result).items() if k not in named}
    whole_seconds = max(
        event.seconds or 0.0
        for event in load_events(out / "events.jsonl")
        if isinstance(event, PhaseEndedEvent)
    )
    assert result.baselines is not None
    assert result.search_seconds < whole_seconds
    assert result.search_seconds + result.baselines.seconds == pytest.approx(whole_seconds, abs=0.1)


def test_all_are_trained_on_the_same_batches_for_the_same_steps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: dict[str, list[float]] = {}
    train = Children._train

    def watched(children: Children, architecture: Any) -> None:
        stream, key = children._stream, architecture.to_json()
        assert stream is not None
        take = stream.next

        def noted() -> Any:
            batch = take()
            seen.setdefault(key, []).append(float(batch.example_B.sum()))
            return batch

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(stream, "next", noted)
            train(children, architecture)

    begin = train_alike.Baselines.run

    def begun(*given: Any) -> None:
        seen.clear()  # of what the search itself trained
        begin(*given)

    monkeypatch.setattr(Children, "_train", watched)
    monkeypatch.setattr(train_alike.Baselines, "run", begun)
    result = search()
    assert result.baselines is not None
    assert len(seen) == len({json.dumps(row.architecture) for row in result.baselines.rows})
    [batches] = {tuple(of_network) for of_network in seen.values()}
    assert len(batches) == 4


def test_interrupted_and_resumed_they_are_the_same_bit_for_bit(
    whole: tuple[SearchResult, Path], tmp_path: Path
) -> None:
    # 6 steps of children; one tick a kind; then 4 steps a network
    progress = InterruptAt(8, 13, 19)
    for sitting in range(4):
        try:
            result = search(out=tmp_path / "run", resume=sitting > 0, progress=progress)
            break
        except Stopped:
            pass
    phases = [where.rpartition(" ")[0] for where in progress.interrupted]
    assert phases == ["choose baselines", "baselines", "baselines"]
    assert without_time(result) == without_time(whole[0])
    (tensors, state), (other_tensors, other_state) = map(final_state, (tmp_path / "run", whole[1]))
    assert state == other_state
    assert_same_tensors(tensors, other_tensors)


def test_a_baseline_that_diverges_is_left_out_and_what_was_found_stays(tmp_path: Path) -> None:
    settings = {
        "method": "radars",
        "baseline": {"names": "largest,random=1", "steps": 8},
        "children": {"optimizer": {"learning_rate": 1e30}},
        "max_skipped_steps": 2,
    }
    result = search(settings=settings, out=tmp_path / "run")
    assert result.status == "completed"
    assert result.baselines is None
    assert result.baselines_left_out is not None
    assert result.baselines_left_out.startswith("the training of found, largest, random 1 diverged")
    assert "lower children.optimizer.learning_rate" in result.summary()
    assert read_search(tmp_path / "run") == result
    plain = search(settings=settings | {"baseline": ()})
    assert plain.architecture == result.architecture
    assert plain.validation_accuracy == result.validation_accuracy


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A third of a second between any two looks at it."""
    ticks = count()
    monkeypatch.setattr(run_observer, "time", SimpleNamespace(monotonic=lambda: next(ticks) / 3))


def test_a_time_limit_is_kept_for_them_and_shared_by_all(clock: None) -> None:
    events: list[Event] = []
    settings = {
        "method": "largest",
        "max_minutes": 1.0,
        "baseline": {"names": "smallest,random=1", "share": 0.75},
    }
    result = search(settings=settings, on_event=events.append)
    assert result.status == "completed"
    assert result.baselines is not None
    ended = {e.phase: e for e in events if isinstance(e, PhaseEndedEvent)}
    steps = result.baselines.steps
    assert 10 < steps < 400
    assert ended["baselines"].steps == 3 * steps
    assert list(result.limited["baselines"]) == [3 * steps, 3 * 400]
    assert 30 < (ended["baselines"].seconds or 0) <= 60
    assert f"baselines {3 * steps:,} of 1,200 steps" in result.summary()


@pytest.mark.slow
def test_no_more_steps_are_taken_than_are_asked_for(clock: None) -> None:
    settings = {"method": "largest", "max_minutes": 1.0, "baseline": BASELINE}
    result = search(settings=settings)
    assert result.baselines is not None
    assert result.baselines.steps == BASELINE["steps"]


def test_where_no_time_is_left_that_is_said(clock: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train_alike, "_KEPT", 0.0)
    result = search(settings={"max_minutes": 1.0, "method": "largest"})
    assert result.status == "completed"
    assert result.baselines is None
    assert result.baselines_left_out == "the time was over"
    assert "not all baselines were trained: the time was over" in result.summary()


@pytest.mark.slow
def test_one_that_is_cut_off_is_trained_when_there_is_more_time(
    clock: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(train_alike, "_KEPT", 3.0)  # steps take longer than was planned
    settings = {"method": "largest", "baseline": "smallest", "max_minutes": 0.3}
    early = search(settings=settings, out=tmp_path / "run")
    assert early.status == "exceeded_time"
    assert early.validation_accuracy is not None
    assert early.baselines_left_out == "the time was over"
    late = search(settings=settings | {"max_minutes": 9.0}, out=tmp_path / "run", resume=True)
    assert late.status == "completed"
    assert late.baselines_left_out is None
    assert late.baselines is not None
    assert [row.name for row in late.baselines.rows] == ["found", "smallest"]
    assert (late.architecture, late.validation_accuracy) == (
        early.architecture,
        early.validation_accuracy,
    )


def test_what_was_found_is_not_lost_where_a_baseline_does_not_fit_the_device(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    within = MemoryGuard.within_memory
    smallest = {"a": "none", "b": "none", "c": "none"}

    def refused(guard: MemoryGuard, supernet: Any, attempt: Any) -> Any:
        live = {choice: names[0] for choice, names in supernet.live.items()}
        if live == smallest:
            raise BudgetError("no step may exceed the budget", 10)
        return within(guard, supernet, attempt)

    monkeypatch.setattr(MemoryGuard, "within_memory", refused)
    settings = {"baseline": {"names": "smallest", "steps": 4}, "method": "largest"}
    result = search(settings=settings)
    assert result.status == "completed"
    assert result.baselines is not None
    assert [row.name for row in result.baselines.rows] == ["found"]
    assert result.baselines_left_out == "no step may exceed the budget"


@pytest.mark.slow
def test_workers_train_them_to_the_same() -> None:
    def on(**executor: Any) -> SearchResult:
        settings = {
            "data": {"batch_size": 16, "num_train": 200},
            "budget": "16MiB",
            "method": "random",
            "num_threads": 1,
            "loggers": (),
            "children": {"number": 2, "steps": 2, "batch": 2},
            "pareto": ("accuracy", "macs"),
        }
        return run_search(SearchConfig(**settings, baseline=BASELINE, executor=executor))

    here, elsewhere = on(), on(jobs=2)
    assert here.baselines is not None
    assert elsewhere.baselines == here.baselines
    assert elsewhere.measured_peak_bytes == here.measured_peak_bytes
    scored = {json.dumps(row.architecture) for row in here.baselines.rows[1:]}
    fronts = [{json.dumps(p["architecture"]) for p in r.front} for r in (here, elsewhere)]
    assert fronts[0] == fronts[1]
    assert not fronts[0] & scored  # the front is of the search alone


@pytest.mark.slow
@pytest.mark.parametrize("method", ["radars", "darts", "spos", "asha"])
def test_every_kind_of_method_has_them(method: str, tmp_path: Path) -> None:
    progress = InterruptAt()
    result = search(settings={"method": method}, progress=progress)
    assert result.baselines is not None
    stop = InterruptAt(progress.num_steps - 5)
    with pytest.raises(Stopped):
        search(settings={"method": method}, out=tmp_path / "run", progress=stop)
    resumed = search(settings={"method": method}, out=tmp_path / "run", resume=True)
    assert without_time(resumed) == without_time(result)
