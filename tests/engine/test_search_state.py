from typing import Any

import pytest
from tests.tiny import assert_same_tensors, quick_config, tiny_data, tiny_space

from radars.engine.context import SearchContext
from radars.engine.given import Given
from radars.engine.methods.radars import Radars
from radars.engine.phases.successive_halving import Selection
from radars.engine.problem import SearchProblem
from radars.engine.rankers.standards import Standard, Standards
from radars.engine.rankers.zero_cost_scores import Untrained
from radars.engine.search_observer import Observer
from radars.engine.search_state import SearchState, named, of_part
from radars.execution.interrupt import Interrupt
from radars.space import Architecture
from radars.tracking.progress import NoProgress

PROBLEM = SearchProblem.of(quick_config(), Given(space=tiny_space(), data=tiny_data()))


def new_search() -> tuple[Radars, SearchState]:
    context = SearchContext.of(PROBLEM)
    method = Radars(context)
    return method, SearchState(
        method,
        context.train_stream,
        context.validation_stream,
        context.guard.meter,
        context.trainer.skipped,
    )


def restored(state: SearchState) -> tuple[Radars, SearchState]:
    tensors = {name: tensor.clone() for name, tensor in state.tensors().items()}
    values: dict[str, Any] = state.values()
    method, fresh = new_search()
    fresh.load(tensors, values, PROBLEM.planner)
    return method, fresh


@pytest.mark.parametrize("num_rounds", [0, 1])
def test_a_state_comes_back_bit_for_bit(num_rounds: int) -> None:
    method, state = new_search()
    observer = Observer(None, None, NoProgress(), Interrupt(), state)
    for _ in range(num_rounds):
        method.run_round(observer)
    method_again, again = restored(state)
    assert again.values() == state.values()
    assert_same_tensors(again.tensors(), state.tensors())
    assert method_again.plan == method.plan
    assert method_again.round_winners == method.round_winners


@pytest.mark.parametrize("has_child", [False, True])
def test_a_selection_comes_back(has_child: bool) -> None:
    method, state = new_search()
    names = ("mb2", "conv3", "none")
    paths = [Architecture(dict.fromkeys("abc", name)) for name in names]
    state.phase = "select"
    method.selection = Selection(
        paths,
        [Untrained(1.5, 2.0)] * 3,
        Standards(*(Standard(mean, 0.5) for mean in (0.5, 1.0, 1.5, 2.0))),
        [0.5, 0.0, -0.5],
        halving_round=1,
        accuracies=[0.25],
        child_step=2,
    )
    if has_child:
        method.selection.child = SearchContext.of(PROBLEM).networks.new_child(paths[1])
        method.selection.child_stream = SearchContext.of(PROBLEM).networks.new_child_stream()
        batch = method.selection.child_stream.next()
        method.context.trainer.train_path(method.selection.child, paths[1], batch)
    method_again, again = restored(state)
    assert method_again.selection is not None
    assert again.values() == state.values()
    assert_same_tensors(again.tensors(), state.tensors())
    assert (method_again.selection.child is not None) == has_child


def test_a_phase_begins_once() -> None:
    _, state = new_search()
    state.begin("explore")
    state.step = 3
    state.begin("explore")
    assert state.step == 3
    state.begin("select")
    assert (state.phase, state.step) == ("select", 0)


def test_parts_are_found_by_their_names() -> None:
    _, state = new_search()
    tensors = state.train_stream.state_dict()
    both = named("train", tensors) | named("training", {"x": tensors["position"] + 1})
    assert_same_tensors(of_part("train", both), tensors)
