from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.tiny import quick_config, tiny_data, tiny_space

from radars.nn.supernet import Supernet
from radars.search import SelectConfig
from radars.search.radars import cosine
from radars.search.select import (
    Selection,
    audition,
    num_select_steps,
    one_cycle,
    select,
    standard_scores,
)
from radars.search.setup import SearchSetup
from radars.space import Architecture

SETUP = SearchSetup.of(quick_config(), space=tiny_space(), data=tiny_data())


class StopError(Exception):
    """Stands for an interrupt."""


def first(count: int) -> list[Architecture]:
    return SETUP.feasible.best({}, SETUP.space.full, count)


def new_selection(count: int) -> Selection:
    return Selection(first(count), [0.0] * count)


def run(selection: Selection, config: SelectConfig, stop_at: int | None = None) -> Any:
    ticks: list[float] = []
    stages: list[tuple[list[Architecture], list[float], list[float]]] = []
    shared = SETUP.state(SETUP.workbench()).supernet
    shared.activate(SETUP.space.full)

    def tick(accuracy: float) -> None:
        ticks.append(accuracy)
        if len(ticks) == stop_at:
            raise StopError

    def new_child(architecture: Architecture, is_inherited: bool) -> Supernet:
        child = SETUP.new_child(architecture)
        if is_inherited:
            child.inherit(shared)
        return child

    winner, accuracy = select(
        SETUP.workbench(),
        selection,
        config,
        batch_size=8,
        seed=0,
        new_child=new_child,
        new_stream=SETUP.new_child_stream,
        tick=tick,
        on_stage=lambda now: stages.append((now.contenders, now.accuracies, now.standings)),
    )
    return winner, accuracy, ticks, stages


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


def test_standard_scores() -> None:
    assert standard_scores([1.0, 2.0, 3.0]) == pytest.approx([-1.2247, 0.0, 1.2247], abs=1e-4)
    assert standard_scores([0.5, 0.5]) == [0.0, 0.0]
    assert standard_scores([0.5]) == [0.0]


@given(
    st.integers(1, 8),
    st.integers(0, 2),
    st.lists(st.integers(1, 2), min_size=1, max_size=3),
    st.floats(0.1, 0.9),
)
def test_the_number_of_steps_is_what_halving_takes(
    candidates: int, inherited_steps: int, rungs: list[int], keep: float
) -> None:
    config = SelectConfig(inherited_steps=inherited_steps, rungs=tuple(rungs), keep=keep)
    total, remaining = candidates * inherited_steps, candidates
    for steps in rungs:
        total += remaining * steps
        remaining = max(1, round(remaining * keep))
    assert num_select_steps(config, candidates) == total


@pytest.mark.parametrize(
    ("count", "config"),
    [
        (1, SelectConfig(inherited_steps=0, rungs=(2, 3))),
        (4, SelectConfig(inherited_steps=2, rungs=(2, 1), keep=0.5)),
        (3, SelectConfig(inherited_steps=1, rungs=(2, 1, 1), keep=0.4)),
    ],
)
def test_the_best_standing_after_the_last_rung_wins(count: int, config: SelectConfig) -> None:
    winner, accuracy, ticks, stages = run(new_selection(count), config)
    assert len(ticks) == num_select_steps(config, count)
    assert len(stages) == len(config.stages)
    standings = dict.fromkeys(first(count), 0.0)
    for contenders, accuracies, _ in stages:
        best = sorted(standings, key=standings.__getitem__, reverse=True)
        assert set(contenders) == set(best[: len(contenders)])
        standings = {
            architecture: standings[architecture] + score
            for architecture, score in zip(contenders, standard_scores(accuracies), strict=True)
        }
    assert standings[winner] == max(standings.values())
    contenders, accuracies, _ = stages[-1]
    assert accuracy == accuracies[contenders.index(winner)]


@pytest.mark.parametrize("stop_at", [1, 2, 3, 4, 6, 9, 11, 14])
def test_selecting_goes_on_in_the_middle_of_a_child(stop_at: int) -> None:
    config = SelectConfig(inherited_steps=1, rungs=(2, 3), keep=0.5)
    whole = run(new_selection(3), config)
    selection = new_selection(3)
    with pytest.raises(StopError):
        run(selection, config, stop_at)
    rest = run(selection, config)
    assert rest[:2] == whole[:2]
    assert stop_at + len(rest[2]) == len(whole[2])


def test_an_audition_scores_different_architectures_with_shared_weights() -> None:
    bench = SETUP.workbench()
    state = SETUP.state(bench)
    favourites = [Architecture(dict.fromkeys("abc", "mb2"))] * 2
    config = SelectConfig(draws=9, draw_batches=2, candidates=6)
    scored = audition(bench, state.supernet, state.controller, config, favourites)
    assert len(dict(scored)) == len(scored) == 6
    accuracies = [accuracy for _, accuracy in scored]
    assert accuracies == sorted(accuracies, reverse=True)
    assert all(0 <= accuracy <= 1 for accuracy in accuracies)
    assert all(bench.fits(architecture) for architecture, _ in scored)

    bench = SETUP.workbench()
    state = SETUP.state(bench)
    assert audition(bench, state.supernet, state.controller, config, favourites) == scored
    everyone = SelectConfig(draws=9, draw_batches=2, candidates=9)
    bench = SETUP.workbench()
    state = SETUP.state(bench)
    scored = audition(bench, state.supernet, state.controller, everyone, favourites)
    assert favourites[0] in dict(scored)
