from typing import Any

import pytest
from tests.tiny import assert_same_tensors, quick_config, tiny_data, tiny_space

from radars.run import Interrupt, NoProgress
from radars.search.observer import Observer
from radars.search.radars import run_round
from radars.search.select import Selection, Untrained
from radars.search.setup import SearchSetup
from radars.search.state import SearchState
from radars.space import Architecture

SETUP = SearchSetup.of(quick_config(), space=tiny_space(), data=tiny_data())


def restored(state: SearchState) -> SearchState:
    tensors = {name: tensor.clone() for name, tensor in state.tensors().items()}
    values: dict[str, Any] = state.values()
    fresh = SETUP.state(SETUP.workbench())
    fresh.load(tensors, values, SETUP.planner, SETUP.new_child, SETUP.new_child_stream)
    return fresh


@pytest.mark.parametrize("num_rounds", [0, 1])
def test_a_state_comes_back_bit_for_bit(num_rounds: int) -> None:
    bench = SETUP.workbench()
    state = SETUP.state(bench)
    observer = Observer(None, None, NoProgress(), Interrupt())
    for _ in range(num_rounds):
        run_round(bench, state, SETUP.config, observer)
    again = restored(state)
    assert again.values() == state.values()
    assert_same_tensors(again.tensors(), state.tensors())
    assert again.plan == state.plan
    assert again.favourites == state.favourites


@pytest.mark.parametrize("has_child", [False, True])
def test_a_selection_comes_back(has_child: bool) -> None:
    bench = SETUP.workbench()
    state = SETUP.state(bench)
    names = ("mb2", "conv3", "none")
    paths = [Architecture(dict.fromkeys("abc", name)) for name in names]
    state.phase = "select"
    state.selection = Selection(
        paths, [Untrained(1.5, 2.0)] * 3, [0.5, 0.0, -0.5], rung=1, accuracies=[0.25], child_step=2
    )
    if has_child:
        state.selection.child = SETUP.new_child(paths[1])
        state.selection.child_stream = SETUP.new_child_stream()
        bench.train_path(state.selection.child, paths[1], state.selection.child_stream.next())
    again = restored(state)
    assert again.selection is not None
    assert again.values() == state.values()
    assert_same_tensors(again.tensors(), state.tensors())
    assert (again.selection.child is not None) == has_child
