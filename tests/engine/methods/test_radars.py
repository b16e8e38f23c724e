from itertools import islice, product
from typing import Any

import pytest
from tests.tiny import quick_config, tiny_data, tiny_space

from radars.engine import SelectConfig
from radars.engine.given import Given
from radars.engine.methods.radars import Radars
from radars.engine.pace import Pace
from radars.engine.phases.finalists import _num_left, num_finalists
from radars.engine.phases.successive_halving import SuccessiveHalving
from radars.engine.policies.categorical import Controller
from radars.engine.policies.policy import Sample
from radars.engine.run import run_search
from radars.engine.search_state import SearchPosition
from radars.runs.event_schema import Event, SelectionEvent
from radars.space import Architecture, Subspace


def test_finalists_are_proposed_in_batches_and_the_policy_learns_from_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heard: list[list[float]] = []
    reinforce = Controller.reinforce

    def listened(self: Controller, samples: Any, rewards: Any, **about: Any) -> None:
        if about.get("is_alone") and rewards:
            heard.append(list(rewards))
        reinforce(self, samples, rewards, **about)

    monkeypatch.setattr(Controller, "reinforce", listened)
    selections: list[SelectionEvent] = []

    def on_event(event: Event) -> None:
        if isinstance(event, SelectionEvent):
            selections.append(event)

    config = quick_config(select={"finalists": 6, "batch": 2, "halving_steps": [1, 1]})
    run_search(config, Given(space=tiny_space(), data=tiny_data()), on_event=on_event)
    begun, first, *_ = selections
    assert len(begun.finalists) == 2
    assert first.finalists[:2] == begun.finalists
    assert len({tuple(known.items()) for known in first.finalists}) == 6
    assert [len(rewards) for rewards in heard] == [2, 2]
    assert [reward for rewards in heard for reward in rewards] == list(first.accuracies[:4])


def test_an_architecture_is_proposed_by_the_part_that_rewarded_it_first() -> None:
    method = object.__new__(Radars)
    method.config = quick_config(num_rounds=2)
    space = tiny_space()
    method.controller = Radars.new_policy(space.full, method.config)
    taken = (dict(zip(space.full, names, strict=True)) for names in product(*space.full.values()))
    first, second, third, last = map(Architecture, islice(taken, 4))
    for group, *known in ((0, first), (1, first, second), (2, third), (4, third, last)):
        samples = [Sample(architecture, {}) for architecture in known]
        method.controller.reinforce(samples, [0.5] * len(samples), group=group)
    said = [method.proposed_by(known) for known in (first, second, third, last)]
    assert said == ["explore", "differentiate", "explore", "select"]


@pytest.mark.parametrize(
    ("seconds", "max_steps", "number"),
    [(96.0, None, 12), (384.0, None, 24), (24.0, None, 6), (384.0, 120, 48), (24.0, 120, 6)],
)
def test_more_time_is_for_more_finalists_and_longer_trainings(
    seconds: float, max_steps: int | None, number: int
) -> None:
    """Four times the time is for twice as many, unless no training is to be longer."""
    config = SelectConfig(finalists=12, halving_steps=(40, 120), keep=0.34, max_steps=max_steps)
    pace = Pace(SearchPosition(), 960, ends_at=seconds, step_seconds=0.1)
    many = Subspace({f"layer{index}": ("a", "b", "c") for index in range(9)})
    assert num_finalists(config, pace, many) == number
    few = Subspace({"layer": ("a", "b", "c")})
    assert num_finalists(config, pace, few) == 3


@pytest.mark.parametrize(("seconds_each", "number"), [(10.0, 5), (2.5, 20)])
def test_with_a_time_limit_there_are_as_many_finalists_as_there_is_time_for(
    seconds_each: float, number: int
) -> None:
    """The first halving round has its part of the time, whatever a finalist was thought to take."""
    config = SelectConfig(finalists=12, halving_steps=(40, 120), keep=1 / 3, batch=3)
    position = SearchPosition()
    pace = Pace(position, 960, ends_at=100.0, step_seconds=1.0)
    halving = SuccessiveHalving([], num_steps=40, num_planned=12)
    while (left := _num_left(config, halving, pace)) > 0:
        new = min(left, config.batch)
        halving.finalists += [Architecture({"layer": "a"})] * new
        position.seconds += new * seconds_each
        pace.check_time()
    assert len(halving.finalists) == number
