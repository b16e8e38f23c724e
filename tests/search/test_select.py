import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.tiny import quick_config, tiny_data, tiny_space

from radars.search import SelectConfig
from radars.search.radars import cosine
from radars.search.select import Selection, contenders, num_select_steps, one_cycle, select
from radars.search.setup import SearchSetup
from radars.space import Architecture

SETUP = SearchSetup.of(quick_config(), space=tiny_space(), data=tiny_data())


class StopError(Exception):
    """Stands for an interrupt."""


def first(count: int) -> list[Architecture]:
    return SETUP.feasible.best({}, SETUP.space.full, count)


PATHS = first(27)


def run(selection: Selection, config: SelectConfig, stop_at: int | None = None) -> Any:
    ticks: list[float] = []
    rungs: list[tuple[list[Architecture], list[float]]] = []

    def tick(accuracy: float) -> None:
        ticks.append(accuracy)
        if len(ticks) == stop_at:
            raise StopError

    winner, accuracy = select(
        SETUP.workbench(),
        selection,
        config,
        batch_size=8,
        seed=0,
        new_child=SETUP.new_child,
        new_stream=SETUP.new_child_stream,
        next_wave=lambda latest, so_far: [path for path in PATHS if path not in dict(so_far)][:3],
        tick=tick,
        on_rung=lambda architectures, accuracies: rungs.append((architectures, accuracies)),
    )
    return winner, accuracy, ticks, rungs


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
    candidates: int, rungs: list[int], keep: float
) -> None:
    config = SelectConfig(candidates=candidates, rungs=tuple(rungs), keep=keep)
    total, remaining = 0, candidates
    for steps in rungs:
        total += remaining * steps
        if remaining == 1:
            break
        remaining = max(1, round(remaining * keep))
    assert num_select_steps(config) == total


@pytest.mark.parametrize(
    "config",
    [
        SelectConfig(candidates=1, rungs=(2, 3)),
        SelectConfig(candidates=4, rungs=(2, 1), keep=0.5),
        SelectConfig(candidates=3, rungs=(2, 1, 1), keep=0.4),
    ],
)
def test_there_is_a_tick_for_every_step_and_the_best_of_the_last_rung_wins(
    config: SelectConfig,
) -> None:
    winner, accuracy, ticks, rungs = run(Selection(first(config.candidates)), config)
    assert len(ticks) == num_select_steps(config)
    architectures, accuracies = rungs[-1]
    assert accuracy == max(accuracies)
    assert winner == architectures[accuracies.index(accuracy)]
    for (earlier, scores), (later, _) in itertools.pairwise(rungs):
        assert set(later) <= set(earlier)
        best = sorted(scores, reverse=True)[: len(later)]
        assert sorted((scores[earlier.index(a)] for a in later), reverse=True) == best


@pytest.mark.parametrize("stop_at", [1, 2, 3, 6, 8, 9])
def test_selecting_goes_on_in_the_middle_of_a_child(stop_at: int) -> None:
    config = SelectConfig(candidates=3, rungs=(2, 3), keep=0.5)
    whole = run(Selection(first(3)), config)
    selection = Selection(first(3))
    with pytest.raises(StopError):
        run(selection, config, stop_at)
    rest = run(selection, config)
    assert rest[:2] == whole[:2]
    assert stop_at + len(rest[2]) == len(whole[2])


@pytest.mark.parametrize("stop_at", [5, 6, 7, 12, 14])
def test_waves_add_to_the_first_rung_and_are_resumed(stop_at: int) -> None:
    config = SelectConfig(candidates=3, waves=2, rungs=(2, 3), keep=0.34)
    winner, accuracy, ticks, rungs = whole = run(Selection(first(3)), config)
    assert len(ticks) == num_select_steps(config) == 6 * 2 + 2 * 3
    assert [len(architectures) for architectures, _ in rungs] == [3, 3, 2]
    first_rung = dict(zip(rungs[0][0] + rungs[1][0], rungs[0][1] + rungs[1][1], strict=True))
    assert len(first_rung) == 6
    kept = sorted(first_rung, key=first_rung.__getitem__, reverse=True)[:2]
    assert rungs[2][0] == kept
    assert (winner, accuracy) in zip(*rungs[2], strict=True)

    selection = Selection(first(3))
    with pytest.raises(StopError):
        run(selection, config, stop_at)
    assert run(selection, config)[:2] == whole[:2]


def test_contenders_are_different_allowed_and_begin_with_the_favourites() -> None:
    bench = SETUP.workbench()
    controller = SETUP.state(bench).controller
    favourites = [Architecture(dict.fromkeys("abc", "mb2"))] * 2
    config = SelectConfig(candidates=6)
    found = contenders(bench, controller, config, favourites, 0)
    assert found[0] == favourites[0]
    assert len(found) == len(set(found)) == 6
    assert all(bench.fits(architecture) for architecture in found)
    again = contenders(bench, controller, config, favourites, 0)
    assert again == found
    others = contenders(bench, controller, config, (), 1, known=found)
    assert len(others) == 6
    assert not set(others) & set(found)
