import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.tiny import InterruptAt, assert_same_tensors, quick_config, tiny_data, tiny_space

from radars.engine import search_time
from radars.engine.given import Given
from radars.engine.problem import SearchProblem
from radars.engine.run import run_search
from radars.engine.search_config import SearchConfig
from radars.engine.search_time import search_seconds
from radars.errors import BudgetError, Stopped
from radars.memory import Plan
from radars.testing import final_state
from radars.tracking.progress import PlainProgress

GIVEN = Given(space=tiny_space(), data=tiny_data())


def problem_of(config: SearchConfig) -> SearchProblem:
    return SearchProblem.of(config, GIVEN)


@pytest.fixture
def seconds_are_known(monkeypatch: pytest.MonkeyPatch) -> list[Plan]:
    """A step of a path takes a second, one of a supernet two; returns the plans of these."""
    plans: list[Plan] = []

    def supernet_seconds(_: object, plan: Plan) -> float:
        plans.append(plan)
        return 2.0

    monkeypatch.setattr(search_time, "_path_seconds", lambda context: 1.0)
    monkeypatch.setattr(search_time, "_supernet_seconds", supernet_seconds)
    return plans


def test_it_is_the_time_of_each_step_times_their_number(seconds_are_known: list[Plan]) -> None:
    def took(**settings: Any) -> float | None:
        return search_seconds(problem_of(SearchConfig(device="cpu", budget="1GiB", **settings)))

    select = {"finalists": 4, "halving_steps": [3]}
    explore = {"steps": 16, "training_fraction": 0.5, "tuning_steps": 4, "reward_batches": 9}
    steps = {"explore": explore, "differentiate": {"steps": 5}, "select": select}
    scored = 2 * 2 * 9  # two rewards in each round; to score a batch takes a third of a step
    assert took(**steps) == pytest.approx(1.2 * (2 * 16 + scored / 3 + 4 * 3 + 2 * (2 * 5)))
    children = {"number": 6, "steps": 7}
    assert took(method="random", children=children) == pytest.approx(1.2 * 6 * 7)
    assert took(method="darts", dnas={"steps": 9}) == pytest.approx(1.2 * 9 * 2)
    assert took(method="darts", dnas={"steps": 9, "second_order": True}) is None
    baseline = {"names": "largest,random=2", "steps": 5}
    beside = took(method="random", children=children, baseline=baseline)
    assert beside == pytest.approx(1.2 * (6 * 7 + 4 * 5))  # what was found among them


def test_a_method_that_prunes_nothing_is_timed_with_every_candidate(
    seconds_are_known: list[Plan],
) -> None:
    for method in ("radars", "darts"):
        config = quick_config(method, differentiate={"steps": 4, "max_cost_ratio": 1.0})
        search_seconds(problem_of(config))
    pruned, whole = seconds_are_known
    assert pruned.subspace.num_candidates < tiny_space().full.num_candidates
    assert whole.subspace == tiny_space().full


class SaidUntilStopped(InterruptAt):
    """Keeps what is said, and presses Ctrl-C after some steps."""

    def __init__(self, *steps: int) -> None:
        super().__init__(*steps)
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


def test_a_search_says_first_how_long_it_takes_and_finds_what_it_finds_unasked(
    tmp_path: Path,
) -> None:
    quiet = run_search(quick_config(), GIVEN, out=tmp_path / "quiet")
    first, second = SaidUntilStopped(7), SaidUntilStopped()
    with pytest.raises(Stopped):
        run_search(quick_config(), GIVEN, out=tmp_path / "shown", progress=first)
    shown = run_search(quick_config(), GIVEN, out=tmp_path / "shown", resume=True, progress=second)
    (line,) = first.lines
    assert line.startswith("this search takes about ")
    assert line.endswith(
        " here, for 28 training steps of single networks and 8 of a supernet; max_minutes limits "
        "the time"
    )
    assert second.lines == []
    clock = dict.fromkeys(("search_seconds", "peak_rss_bytes"))
    assert shown.to_dict() | clock == quiet.to_dict() | clock
    (tensors, values), (others, other_values) = (
        final_state(tmp_path / name) for name in ("shown", "quiet")
    )
    assert values == other_values
    assert_same_tensors(tensors, others)


def test_nothing_that_a_search_draws_or_remembers_is_changed() -> None:
    problem = problem_of(quick_config())
    before = torch.get_rng_state()
    seconds = search_seconds(problem)
    assert seconds is not None
    assert seconds > 0
    assert torch.equal(torch.get_rng_state(), before)


def test_what_has_a_time_limit_or_no_time_says_its_limit_or_its_steps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def first_line(config: SearchConfig) -> str:
        stream = io.StringIO()
        run_search(config, GIVEN, progress=PlainProgress(stream))
        return stream.getvalue().splitlines()[0]

    assert first_line(quick_config("random", max_minutes=0.01)).startswith(
        "this search takes 0.6 s"
    )
    monkeypatch.setattr(search_time, "is_room_for", lambda num_bytes: False)
    assert first_line(quick_config("random")) == (
        "this search has 36 training steps of single networks; max_minutes limits the time"
    )


def test_what_runs_elsewhere_or_fits_nowhere_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert search_seconds(problem_of(quick_config(executor={"jobs": 2}))) is None
    assert search_seconds(problem_of(quick_config(num_processes=2))) is None


def test_an_estimate_ends_no_search(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail_with(error: Exception) -> Callable[..., float]:
        def fail(*of: object) -> float:
            raise error

        return fail

    problem = problem_of(quick_config("random"))
    monkeypatch.setattr(search_time, "_path_seconds", fail_with(BudgetError("nothing fits", 1)))
    assert search_seconds(problem) is None
    monkeypatch.setattr(search_time, "_path_seconds", fail_with(RuntimeError("of a network")))
    with pytest.raises(RuntimeError):
        search_seconds(problem)  # `radars plan` says it
    stream = io.StringIO()
    result = run_search(quick_config("random"), GIVEN, progress=PlainProgress(stream))
    assert result.status == "completed"
    assert stream.getvalue().startswith("this search has 36 training steps")
