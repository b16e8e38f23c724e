from typing import Any
from unittest.mock import Mock, patch

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load
from tests.tiny import quick_config, tiny_data, tiny_space
from torch import Tensor

from radars.data import Batch
from radars.engine import SelectConfig
from radars.engine.context import SearchContext
from radars.engine.given import Given
from radars.engine.methods.radars import Radars
from radars.engine.phases.successive_halving import (
    Finalist,
    Selection,
    num_select_steps,
    num_shortlist_parts,
    select,
    shortlist,
)
from radars.engine.problem import SearchProblem
from radars.engine.rankers.standards import Standard, Standards
from radars.engine.rankers.zero_cost_scores import Untrained
from radars.nn.supernet import Supernet
from radars.schedules import cosine, one_cycle
from radars.space import Architecture

PROBLEM = SearchProblem.of(quick_config(), Given(space=tiny_space(), data=tiny_data()))
STANDARDS = Standards(
    Standard(0.5, 0.1), Standard(1.0, 2.0), Standard(2.0, 1.0), Standard(0.0, 0.0)
)


class StopError(Exception):
    """Stands for an interrupt."""


def first(count: int) -> list[Architecture]:
    return PROBLEM.feasible.best({}, PROBLEM.space.full, count)


def new_selection(count: int) -> Selection:
    untrained = [Untrained(float(7 * index % 3), float(5 * index % 4)) for index in range(count)]
    return Selection(first(count), untrained, STANDARDS, [0.0] * count)


def run(
    selection: Selection,
    config: SelectConfig,
    stop_at: int | None = None,
    workers: Any = None,
) -> Any:
    ticks: list[float] = []
    rounds: list[tuple[list[Architecture], list[float], list[float]]] = []
    shared = SearchContext.of(PROBLEM).networks.new_supernet()
    shared.activate(PROBLEM.space.full)

    def tick(accuracy: float, num_steps: int) -> None:
        ticks.append(accuracy)
        if len(ticks) == stop_at:
            raise StopError

    def new_child(architecture: Architecture) -> Supernet:
        child = SearchContext.of(PROBLEM).networks.new_child(architecture)
        child.inherit(shared)
        return child

    winner, accuracy = select(
        SearchContext.of(PROBLEM),
        selection,
        config,
        batch_size=8,
        seed=0,
        new_child=new_child,
        new_stream=SearchContext.of(PROBLEM).networks.new_child_stream,
        tick=tick,
        workers=workers,
        on_halving_round=lambda now: rounds.append((now.finalists, now.accuracies, now.standings)),
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
def test_the_best_standing_after_the_last_rung_wins(count: int, config: SelectConfig) -> None:
    winner, accuracy, ticks, rounds = run(new_selection(count), config)
    assert len(ticks) == num_select_steps(config, count)
    assert len(rounds) == len(config.halving_steps)
    untrained = dict(zip(first(count), new_selection(count).untrained, strict=True))
    expected = first(count)
    for halving_round, (finalists, accuracies, stand) in enumerate(rounds):
        assert finalists == expected
        known = [untrained[architecture] for architecture in finalists]
        assert stand == STANDARDS.standings(accuracies, known, config, 1.0 + halving_round)
        order = sorted(range(len(stand)), key=stand.__getitem__, reverse=True)
        expected = [finalists[index] for index in order][: max(1, round(len(order) * config.keep))]
    assert winner == finalists[order[0]]
    finalists, accuracies, _ = rounds[-1]
    assert accuracy == accuracies[finalists.index(winner)]


@pytest.mark.parametrize("stop_at", [1, 2, 3, 4, 6, 9, 11, 12])
def test_selecting_goes_on_in_the_middle_of_a_child(stop_at: int) -> None:
    config = SelectConfig(halving_steps=(2, 3), keep=0.5)
    whole = run(new_selection(3), config)
    selection = new_selection(3)
    with pytest.raises(StopError):
        run(selection, config, stop_at)
    rest = run(selection, config)
    assert rest[:2] == whole[:2]
    assert stop_at + len(rest[2]) == len(whole[2])


def test_contenders_are_sent_elsewhere_as_bytes_that_say_all_of_their_weights() -> None:
    shared = SearchContext.of(PROBLEM).networks.new_supernet()
    shared.activate(PROBLEM.space.full)
    sent: list[Finalist] = []

    def take(work: Any, tasks: list[Finalist]) -> list[float]:
        sent.extend(tasks)
        return [0.5] * len(tasks)

    run(new_selection(3), SelectConfig(halving_steps=(2,)), workers=Mock(map=take))
    assert [task.architecture for task in sent] == first(3)
    for task in sent:
        child = SearchContext.of(PROBLEM).networks.new_child(task.architecture)
        child.inherit(shared)
        state, unpacked = child.state_dict(), load(task.state)
        assert state.keys() == unpacked.keys()
        assert all(torch.equal(unpacked[name], tensor) for name, tensor in state.items())
        assert any(not tensor.is_contiguous() for tensor in state.values())


EFFECTS = {"none": 0.0, "conv3": 1 / 8, "mb2": 2 / 8}


def look_at(architecture: Architecture, num_draws: int) -> Untrained:
    """Regions tell nothing, and size is what the last choice makes it."""
    return Untrained(0.0, 1000.0 * (architecture["c"] == "none"), float(num_draws))


def run_audition(
    config: SelectConfig, round_winners: list[Architecture], accuracies: dict[str, float]
) -> list[Architecture]:
    """With a network whose accuracy is what its candidates add."""
    context = SearchContext.of(PROBLEM)
    state = Radars(context)

    def total_score(supernet: Supernet, architecture: Architecture, batch: Batch) -> Tensor:
        return len(batch.label_B) * torch.tensor(
            sum(accuracies[name] for name in architecture.values())
        )

    with patch.object(context, "total_score", total_score):
        selection = shortlist(
            context, state.supernet, state.controller, config, round_winners, look_at, lambda: None
        )
    num_draws = config.regions_draws + config.finalist_draws
    assert selection.untrained == [look_at(known, num_draws) for known in selection.finalists]
    assert len(selection.standings) == len(selection.finalists)
    assert selection.accuracies == []
    return selection.finalists


def test_an_audition_ranks_by_what_candidates_add() -> None:
    config = SelectConfig(draws=60, draw_batches=1, finalists=8, finalist_draws=5)
    finalists = run_audition(config, [], EFFECTS)
    # the first is the likeliest of a policy that knows nothing
    assert Architecture(dict.fromkeys("abc", "mb2")) in finalists[:2]
    promised = [sum(EFFECTS[name] for name in a.values()) for a in finalists[1:]]
    assert promised == sorted(promised, reverse=True)


def test_an_audition_counts_what_is_said_of_the_untrained() -> None:
    config = SelectConfig(draws=60, draw_batches=1, finalists=6, size_weight=100.0)
    finalists = run_audition(config, [], EFFECTS)
    assert all(finalist["c"] == "none" for finalist in finalists[1:])


def test_the_contenders_are_different_and_begin_with_the_favourites() -> None:
    round_winners = [Architecture(dict.fromkeys("abc", "conv3"))] * 2
    config = SelectConfig(draws=9, draw_batches=2, finalists=6)
    finalists = run_audition(config, round_winners, EFFECTS)
    assert finalists[0] == round_winners[0]
    assert len(set(finalists)) == len(finalists) == 6
    assert run_audition(config, round_winners, EFFECTS) == finalists


def test_an_audition_scores_with_shared_weights_and_releases_them() -> None:
    context = SearchContext.of(PROBLEM)
    state = Radars(context)
    config = SelectConfig(draws=9, draw_batches=2, finalists=6)
    released: list[bool] = []
    ticks: list[int] = []

    def look_at_nothing(architecture: Architecture, num_draws: int) -> Untrained:
        released.append(state.supernet._live is None)
        return Untrained(0.0, 0.0)

    with patch.object(context, "total_score", wraps=context.evaluator.total_score) as total_score:
        selection = shortlist(
            *(context, state.supernet, state.controller, config, [], look_at_nothing),
            lambda: ticks.append(1),
        )
    assert all(context.guard.fits(architecture) for architecture in selection.finalists)
    assert len(total_score.call_args_list) == 9 * 2
    assert all(call.args[0] is state.supernet for call in total_score.call_args_list)
    assert len(released) >= 9 + len(selection.finalists)
    assert len(ticks) == 9 + len(released) <= num_shortlist_parts(config)
    assert all(released)
