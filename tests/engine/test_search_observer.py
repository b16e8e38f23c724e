from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.tiny import quick_config, tiny_data, tiny_space

from radars.engine.context import SearchContext
from radars.engine.given import Given
from radars.engine.methods.radars import Radars
from radars.engine.problem import SearchProblem
from radars.engine.run import run_search
from radars.engine.search_observer import SearchObserver, TimeLimitReached
from radars.engine.search_state import SearchPosition, SearchState
from radars.errors import Stopped
from radars.execution.interrupt import Interrupt
from radars.failures import CallerError
from radars.runs.directory import RunDirectory
from radars.runs.event_schema import Event, PhaseStartedEvent
from radars.runs.events import load_events, read_events
from radars.runs.file_names import EVENTS_NAME
from radars.runs.state import split_state
from radars.testing import final_state
from radars.tracking.progress import Bar, NoProgress

PROBLEM = SearchProblem.of(quick_config(), Given(space=tiny_space(), data=tiny_data()))


def new_state() -> SearchState:
    context = SearchContext.of(PROBLEM)
    return SearchState(SearchPosition(), context, Radars(context))


class Requested(Interrupt):
    stop_requested = True


def test_an_interrupt_saves_before_it_stops(tmp_path: Path) -> None:
    state = new_state()
    with RunDirectory.create(tmp_path / "run", {}) as run:
        observer = SearchObserver(run, None, NoProgress(), Requested(), state)
        with (
            pytest.raises(Stopped),
            observer.phase("explore", 8) as pace,
        ):
            pace.done()
        events = [event["event"] for event in read_events(run.path / EVENTS_NAME)]
    tensors, values = final_state(tmp_path / "run")
    position = values["position"]
    assert position["step"] == position["total_steps"] == 1
    assert tensors.keys() == split_state(state.state_dict())[0].keys()
    assert events[0] == "phase_started"


def test_a_callback_is_told_what_the_log_says(tmp_path: Path) -> None:
    told: list[Event] = []
    with RunDirectory.create(tmp_path / "run", {}) as run:
        run.log(PhaseStartedEvent(phase="before anybody listens"))
    with RunDirectory.resume(tmp_path / "run") as run:
        observer = SearchObserver(
            run, None, NoProgress(), Interrupt(), new_state(), on_event=told.append
        )
        with observer.phase("explore", 1) as pace:
            pace.done()
    assert told == load_events(tmp_path / "run" / "events.jsonl")
    assert {"resumed", "phase_started", "progress", "phase_ended"} <= {e.kind for e in told}


def test_a_callback_may_stop_the_search(tmp_path: Path) -> None:
    def stop(event: Event) -> None:
        if isinstance(event, PhaseStartedEvent):
            raise Stopped("seen enough")

    observer = SearchObserver(None, None, NoProgress(), Interrupt(), new_state(), on_event=stop)
    with pytest.raises(CallerError, match="seen enough"), observer.phase("explore", 1):
        pass  # `run_search` raises what is within


def test_what_comes_before_a_phase_is_shown_and_saved_as_not_begun(tmp_path: Path) -> None:
    state, progress = new_state(), Watched()

    def one_part(tick: Callable[[], None]) -> None:
        state.position.step = 7
        tick()

    with RunDirectory.create(tmp_path / "run", {}) as run:
        observer = SearchObserver(run, None, progress, Requested(), state)
        with pytest.raises(Stopped), observer.preparation("shortlist", 3) as tick:
            one_part(tick)
    assert final_state(tmp_path / "run")[1]["position"]["step"] == 0
    assert progress.bars["shortlist"].count_text() == "1/3"


def test_curves_stay_small_however_long_a_search_is(tmp_path: Path) -> None:
    state = new_state()
    with RunDirectory.create(tmp_path / "run", {}) as run:
        observer = SearchObserver(run, None, NoProgress(), Interrupt(), state)
        with observer.phase("explore", 200) as pace:
            for _ in pace.steps():
                state.seconds += 60.0
                pace.done(0.5)
        logged = read_events(run.path / EVENTS_NAME)
    events = [event for event in logged if event["event"] == "progress"]
    [*_, preferred] = [event for event in logged if event["event"] == "preferences"]
    assert len(events) < 201
    assert events[-1]["step"] == 200  # whatever the time, the last is there
    assert preferred["step"] == 200
    assert preferred["seconds"] == pytest.approx(12_000, abs=60)
    assert {len(values) for values in preferred["values"].values()} == {3}


class Watched(NoProgress):
    """Keeps the bar of each phase."""

    def __init__(self) -> None:
        self.bars: dict[str, Bar] = {}

    @contextmanager
    def phase(
        self, description: str, total: int | None = None, completed: int = 0
    ) -> Iterator[Bar]:
        with super().phase(description, total, completed) as bar:
            self.bars[description] = bar
            yield bar


def test_live_candidates_are_shown_and_logged_while_it_searches(tmp_path: Path) -> None:
    progress, out = Watched(), tmp_path / "run"
    run_search(
        quick_config(), Given(space=tiny_space(), data=tiny_data()), out=out, progress=progress
    )
    events = read_events(out / "events.jsonl")
    plans = [event["live_candidates"] for event in events if event["event"] == "planned"]
    for event in events:
        if event["event"] == "progress":
            live = {"explore": 9, "select": None}
            expected = live[phase] if (phase := event["phase"]) in live else plans[event["round"]]
            assert event.get("live_candidates") == expected
    assert progress.bars["round 1 explore"].live_text() == "9/9 live"
    assert progress.bars["round 1 differentiate"].live_text() == f"{plans[0]}/9 live"
    assert progress.bars["select"].live_text() == ""


def test_the_time_limit_counts_all_sittings() -> None:
    state = new_state()
    state.seconds = 100.0
    observer = SearchObserver(None, None, NoProgress(), Interrupt(), state, max_seconds=50)
    with pytest.raises(TimeLimitReached), observer.phase("explore", 8) as pace:
        pace.done()
    assert state.position.num_saves == 1


@pytest.mark.parametrize(("every_seconds", "num_saves"), [(-1.0, 3), (3600.0, 0)])
def test_checkpoints_are_saved_from_time_to_time(every_seconds: float, num_saves: int) -> None:
    state = new_state()
    observer = SearchObserver(
        None, None, NoProgress(), Interrupt(), state, save_every_seconds=every_seconds
    )
    with observer.phase("explore", 3) as pace:
        for _ in pace.steps():
            pace.done(0.5)
    assert state.position.num_saves == num_saves
    assert state.position.step == state.position.total_steps == 3


def test_a_phase_has_its_share_of_the_time_that_is_left() -> None:
    state = new_state()
    observer = SearchObserver(None, None, NoProgress(), Interrupt(), state, max_seconds=100)
    state.seconds = 20.0
    state.position.begin("explore")
    with observer.phase("explore", 8, share=0.25) as pace:
        assert pace.ends_at == 40.0
    with observer.phase("explore", 8) as pace:
        assert pace.ends_at == 100.0
    unlimited = SearchObserver(None, None, NoProgress(), Interrupt(), state)
    with unlimited.phase("explore", 8, share=0.25) as pace:
        assert pace.ends_at is None
