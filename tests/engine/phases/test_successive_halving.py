from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from functools import partial
from typing import Any
from unittest.mock import Mock

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load
from tests.tiny import assert_same_state, quick_config, tiny_data, tiny_space

from radars.engine import SelectConfig
from radars.engine.context import SearchContext
from radars.engine.given import Given
from radars.engine.pace import Pace
from radars.engine.phases.successive_halving import (
    Finalist,
    SuccessiveHalving,
    num_select_steps,
    select,
)
from radars.engine.problem import SearchProblem
from radars.engine.search_state import SearchPosition
from radars.schedules import cosine, one_cycle
from radars.space import Architecture

PROBLEM = SearchProblem.of(quick_config(), Given(space=tiny_space(), data=tiny_data()))


class StopError(Exception):
    """Stands for an interrupt."""


def first(count: int) -> list[Architecture]:
    return PROBLEM.feasible.best({}, PROBLEM.space.full, count)


def context_of(config: SelectConfig, workers: Any = None) -> SearchContext:
    problem = replace(PROBLEM, config=PROBLEM.config.model_copy(update={"select": config}))
    return replace(SearchContext.of(problem), workers=workers)


def new_halving(count: int) -> SuccessiveHalving:
    return SuccessiveHalving(first(count), 1, count)


def run(
    halving: SuccessiveHalving,
    config: SelectConfig,
    stop_at: int | None = None,
    workers: Any = None,
    pace: Pace | None = None,
    gains: Callable[[SuccessiveHalving], list[float]] = lambda now: [0.0] * len(now.finalists),
) -> Any:
    ticks: list[float] = []
    rounds: list[tuple[list[Architecture], list[float]]] = []
    context = context_of(config, workers)
    shared = context.networks.new_supernet()
    shared.activate(PROBLEM.space.full)

    def on_step(step: int, accuracy: float) -> None:
        ticks.append(accuracy)
        if len(ticks) == stop_at:
            raise StopError

    winner, accuracy = select(
        context,
        halving,
        pace or Pace(SearchPosition(), 100, on_step=on_step),
        new_child=partial(context.networks.inherited_child, supernet=shared),
        more=lambda now: [],
        gains=gains,
        on_halving_round=lambda now: rounds.append((now.finalists, now.accuracies)),
    )
    return winner, accuracy, ticks, rounds


def test_learning_rates_of_one_cycle() -> None:
    rates = [one_cycle(step / 200) for step in range(201)]
    top = rates.index(max(rates))
    assert rates[0] == pytest.approx(0.0625)
    assert rates[top] == pytest.approx(1.0, abs=0.01)
    assert rates[:top] == sorted(rates[:top])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert rates[-1] == pytest.approx(0.0)


def test_learning_rates_of_the_cosine() -> None:
    assert [cosine(fraction) for fraction in (0.0, 0.5, 1.0)] == pytest.approx([1.0, 0.5, 0.0])


@given(
    st.integers(1, 8),
    st.lists(st.integers(1, 2), min_size=1, max_size=3),
    st.floats(0.1, 0.9),
)
def test_the_number_of_steps_is_what_halving_takes(
    candidates: int, rounds: list[int], keep: float
) -> None:
    config = SelectConfig(halving_steps=tuple(rounds), keep=keep)
    total, remaining = 0, candidates
    for steps in rounds:
        total += remaining * steps
        remaining = max(1, round(remaining * keep))
    assert num_select_steps(config, candidates) == total


@pytest.mark.parametrize(
    ("count", "config"),
    [
        (1, SelectConfig(halving_steps=(2, 3))),
        (4, SelectConfig(halving_steps=(2, 1), keep=0.5)),
        (3, SelectConfig(halving_steps=(2, 1, 1), keep=0.4)),
    ],
)
def test_the_best_after_the_last_halving_round_wins(count: int, config: SelectConfig) -> None:
    winner, accuracy, ticks, rounds = run(new_halving(count), config)
    assert len(ticks) == num_select_steps(config, count)
    assert len(rounds) == len(config.halving_steps)
    expected = first(count)
    for finalists, accuracies in rounds:
        assert finalists == expected
        order = sorted(range(len(accuracies)), key=accuracies.__getitem__, reverse=True)
        expected = [finalists[index] for index in order][: max(1, round(len(order) * config.keep))]
    assert winner == finalists[order[0]]
    finalists, accuracies = rounds[-1]
    assert accuracy == accuracies[finalists.index(winner)]


def test_what_is_expected_later_counts_beside_accuracy() -> None:
    config = SelectConfig(halving_steps=(1, 1), keep=0.5)
    finalists = first(4)

    def gains(halving: SuccessiveHalving) -> list[float]:
        return [2.0 * (known == finalists[2]) for known in halving.finalists]

    winner, accuracy, _, rounds = run(new_halving(4), config, gains=gains)
    assert winner == finalists[2] == rounds[1][0][0]
    assert accuracy == rounds[1][1][0]


@pytest.mark.parametrize(("seconds", "num_steps"), [(28.0, 14), (56.0, 28), (0.1, 4)])
def test_with_a_time_limit_a_halving_round_has_its_part_of_the_time(
    seconds: float, num_steps: int
) -> None:
    config = SelectConfig(halving_steps=(2, 3), keep=0.5)
    position = SearchPosition()

    def pass_time() -> None:
        position.seconds += 2.0

    pace = Pace(position, 14, ends_at=seconds, check=pass_time, step_seconds=2.0)
    run(new_halving(4), config, pace=pace)
    assert position.step == pytest.approx(num_steps, abs=2)


def _rounds_of(seconds_of: Callable[[SuccessiveHalving], float]) -> tuple[Any, float]:
    """Selects among 6, then 3, in 96 seconds; returns the rounds, and what they took.

    Args:
        seconds_of: what a step takes; 1 is planned.
    """
    config = SelectConfig(halving_steps=(8, 16), keep=0.5)
    position, halving = SearchPosition(), new_halving(6)

    def pass_time() -> None:
        position.seconds += seconds_of(halving)

    pace = Pace(position, 96, ends_at=96.0, check=pass_time, step_seconds=1.0)
    *_, rounds = run(halving, config, pace=pace)
    return rounds, position.seconds


def test_a_halving_round_is_planned_at_the_pace_of_its_own_finalists() -> None:
    usual, seconds = _rounds_of(lambda halving: 1.0)
    assert seconds == 96.0
    slow = usual[1][0]  # those that go on

    def seconds_of(halving: SuccessiveHalving) -> float:
        return 1.5 if halving.finalists[len(halving.accuracies)] in slow else 0.5

    rounds, seconds = _rounds_of(seconds_of)
    assert [len(accuracies) for _, accuracies in rounds] == [6, 3], "all are trained"
    assert seconds == pytest.approx(96.0, rel=0.02)


def test_a_halving_round_that_takes_too_long_ends_with_the_most_promising() -> None:
    rounds, seconds = _rounds_of(lambda halving: 1.5 if halving.halving_round else 1.0)
    (finalists, accuracies), (last_finalists, last_accuracies) = rounds
    assert len(accuracies) == 6
    assert len(last_accuracies) == 2, "there is no time for the third"
    assert seconds == 96.0
    best = sorted(finalists, key=lambda known: accuracies[finalists.index(known)], reverse=True)
    assert last_finalists == best[:2]


@pytest.mark.parametrize("stop_at", [1, 2, 3, 4, 6, 9, 11, 12])
def test_selecting_goes_on_in_the_middle_of_a_child(stop_at: int) -> None:
    config = SelectConfig(halving_steps=(2, 3), keep=0.5)
    whole = run(new_halving(3), config)
    halving = new_halving(3)
    with pytest.raises(StopError):
        run(halving, config, stop_at)
    state = deepcopy(halving.state_dict())
    resumed = SuccessiveHalving.of_state(state, context_of(config))
    assert_same_state(resumed.state_dict(), state)
    rest = run(resumed, config)
    assert rest[:2] == whole[:2]
    assert stop_at + len(rest[2]) == len(whole[2])


def test_finalists_are_sent_elsewhere_as_bytes_that_say_all_of_their_weights() -> None:
    networks = SearchContext.of(PROBLEM).networks
    shared = networks.new_supernet()
    shared.activate(PROBLEM.space.full)
    sent: list[Finalist] = []

    def take(work: Any, tasks: list[Finalist], while_waiting: Any) -> list[float]:
        sent.extend(tasks)
        return [0.5] * len(tasks)

    run(new_halving(3), SelectConfig(halving_steps=(2,)), workers=Mock(map=take))
    assert [task.architecture for task in sent] == first(3)
    for task in sent:
        child = networks.inherited_child(task.architecture, shared)
        state, unpacked = child.state_dict(), load(task.state)
        assert state.keys() == unpacked.keys()
        assert all(torch.equal(unpacked[name], tensor) for name, tensor in state.items())
        assert any(not tensor.is_contiguous() for tensor in state.values())
