from copy import deepcopy

import pytest
from tests.tiny import assert_same_state, quick_config, tiny_data, tiny_space

from radars.engine.context import SearchContext
from radars.engine.given import Given
from radars.engine.methods.radars import Radars
from radars.engine.phases.successive_halving import SuccessiveHalving
from radars.engine.problem import SearchProblem
from radars.engine.search_observer import SearchObserver
from radars.engine.search_state import SearchPosition, SearchState
from radars.execution.interrupt import Interrupt
from radars.space import Architecture
from radars.tracking.progress import NoProgress

CONFIG = quick_config(pareto=("accuracy", "macs"))
PROBLEM = SearchProblem.of(CONFIG, Given(space=tiny_space(), data=tiny_data()))


def new_search() -> tuple[Radars, SearchState]:
    context = SearchContext.of(PROBLEM)
    method = Radars(context)
    return method, SearchState(SearchPosition(), context, method)


def restored(state: SearchState) -> tuple[Radars, SearchState]:
    method, fresh = new_search()
    fresh.load_state_dict(deepcopy(state.state_dict()))
    return method, fresh


@pytest.mark.parametrize("num_rounds", [0, 1])
def test_a_state_comes_back_bit_for_bit(num_rounds: int) -> None:
    method, state = new_search()
    observer = SearchObserver(None, None, NoProgress(), Interrupt(), state)
    if num_rounds:
        method.explore(observer)
        state.position.begin("differentiate")
        method.plan = PROBLEM.planner.plan(method.controller.probabilities())
        method.differentiate(observer)
    method_again, again = restored(state)
    assert_same_state(again.state_dict(), state.state_dict())
    assert again.position == state.position
    assert method_again.plan == method.plan
    assert method_again.controller.rewarded == method.controller.rewarded


@pytest.mark.parametrize("has_child", [False, True])
def test_successive_halving_comes_back(has_child: bool) -> None:
    method, state = new_search()
    names = ("mb2", "conv3", "none")
    paths = [Architecture(dict.fromkeys("abc", name)) for name in names]
    state.position.begin("select")
    method.halving = SuccessiveHalving(
        paths,
        5,
        num_planned=len(paths),
        halving_round=1,
        accuracies=[0.25],
        child_step=2,
    )
    if has_child:
        networks = method.context.networks
        child = method.halving.child = networks.new_child(paths[1])
        stream = method.halving.child_stream = networks.new_child_stream()
        method.context.trainer.train_path(child, paths[1], stream.next())
    method_again, again = restored(state)
    assert method_again.halving is not None
    assert_same_state(again.state_dict(), state.state_dict())
    assert (method_again.halving.child is not None) == has_child


def test_a_phase_begins_once() -> None:
    position = SearchPosition()
    position.begin("explore")
    position.step = 3
    position.begin("explore")
    assert position.step == 3
    position.begin("select")
    assert (position.phase, position.step) == ("select", 0)


def test_what_the_device_had_no_room_for_is_not_planned_again_after_a_resumption() -> None:
    problem = SearchProblem.of(CONFIG, Given(space=tiny_space(), data=tiny_data()))
    _, state = new_search()
    state.context.guard.meter.budget_bytes = CONFIG.budget // 2
    context = SearchContext.of(problem)
    again = SearchState(SearchPosition(), context, Radars(context))
    again.load_state_dict(deepcopy(state.state_dict()))
    assert problem.planner.budget_bytes == CONFIG.budget // 2
