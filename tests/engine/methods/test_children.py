import math
from copy import deepcopy
from typing import Any

import pytest
from tests.engine.on_paths import pace_of
from tests.tiny import assert_same_state, quick_config, tiny_data, tiny_space

from radars.engine.context import SearchContext
from radars.engine.given import Given
from radars.engine.methods.children import Children
from radars.engine.problem import SearchProblem
from radars.space import Architecture


class StopError(Exception):
    """Stands for an interrupt."""


def setup_of(**children: Any) -> SearchProblem:
    config = quick_config(children={"steps": 4, "check_fraction": 0.5} | children)
    return SearchProblem.of(config, Given(space=tiny_space(), data=tiny_data()))


def path(a: str, b: str, c: str) -> Architecture:
    return Architecture({"a": a, "b": b, "c": c})


PATHS = [path("none", "conv3", "mb2"), path("conv3", "none", "mb2"), path("mb2", "mb2", "none")]


def test_a_child_is_trained_from_scratch_and_remembered() -> None:
    problem = setup_of()
    children = Children(SearchContext.of(problem))
    ticks: list[float] = []

    def tick(step: int, accuracy: float) -> None:
        ticks.append(accuracy)
        assert step == len(ticks)

    first = children.accuracy(PATHS[0], pace_of(tick))
    assert len(ticks) == 4
    assert ticks[-1] == first
    assert math.isnan(ticks[0])
    assert children.accuracy(PATHS[0], pace_of(tick)) == first
    # an identity before a block, or after it: the same network
    assert children.accuracy(PATHS[1], pace_of(tick)) == first
    assert len(ticks) == 4
    again = Children(SearchContext.of(setup_of()))
    assert again.accuracy(PATHS[2], pace_of()) == children.accuracy(PATHS[2], pace_of())


@pytest.mark.parametrize("stop_at", [2, 4, 7])
def test_a_child_goes_on_where_it_was_stopped(stop_at: int) -> None:
    problem = setup_of()
    whole = Children(SearchContext.of(problem))
    for architecture in PATHS:
        whole.accuracy(architecture, pace_of())

    stopped = Children(SearchContext.of(problem))
    ticks: list[float] = []

    def tick(step: int, accuracy: float) -> None:
        ticks.append(accuracy)
        if len(ticks) == stop_at:
            raise StopError

    with pytest.raises(StopError):
        [stopped.accuracy(architecture, pace_of(tick)) for architecture in PATHS]
    state = deepcopy(stopped.state_dict())
    resumed = Children(SearchContext.of(problem))
    resumed.load_state_dict(state)
    assert_same_state(resumed.state_dict(), state)
    for architecture in PATHS:
        resumed.accuracy(architecture, pace_of())
    assert resumed.state_dict() == whole.state_dict()


def test_what_is_worse_than_the_median_halfway_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = setup_of(number=8)
    children = Children(SearchContext.of(problem))
    accuracies = iter([0.5, 0.6, 0.5, 0.6, 0.5, 0.6, 0.5, 0.6, 0.4, 0.5, 0.9])
    monkeypatch.setattr(children, "_evaluate", lambda architecture: next(accuracies))
    names = ("none", "conv3", "mb2")
    paths = [path("mb2", b, c) for b in names for c in names]
    for architecture in paths[:4]:
        assert children.accuracy(architecture, pace_of()) == 0.6
    ticks: list[float] = []

    def tick(step: int, accuracy: float) -> None:
        ticks.append(accuracy)

    assert children.accuracy(paths[4], pace_of(tick)) == 0.4  # half of its steps, then no more
    assert len(ticks) == 2 + 1
    assert children.accuracy(paths[5], pace_of(tick)) == 0.9
    assert len(ticks) == 2 + 1 + 4


def test_nothing_is_stopped_where_that_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = setup_of(check_fraction=0.0)
    children = Children(SearchContext.of(problem))
    evaluations: list[Architecture] = []

    def evaluate(architecture: Architecture) -> float:
        evaluations.append(architecture)
        return 0.1

    monkeypatch.setattr(children, "_evaluate", evaluate)
    for architecture in PATHS:
        children.accuracy(architecture, pace_of())
    assert len(evaluations) == 2  # two of the three are one network
