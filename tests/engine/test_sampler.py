import pytest
from tests.engine.on_paths import ALLOWED, LARGEST, ROOMY, prefer, problem_of

from radars.cost import Feasible
from radars.engine.context import SearchContext
from radars.engine.method_config import ControllerConfig
from radars.engine.methods.radars import Radars
from radars.engine.policies.categorical import Controller
from radars.errors import BudgetError
from radars.space import Architecture


def test_only_paths_that_fit_are_drawn() -> None:
    budget = min(ROOMY.predict(LARGEST, savings).peak_bytes for savings in ALLOWED) - 1
    problem = problem_of(budget)
    context = SearchContext.of(problem)
    assert not context.guard.fits(LARGEST)
    controller = Radars.new_policy(problem.proxy.full, problem.config)
    prefer(controller, Feasible(problem.costs, [], problem.proxy.full), "mb2", *"abc")
    for _ in range(10):
        architecture = context.sampler.draw(controller).architecture
        assert context.guard.fits(architecture)
        plan = context.guard.planner.plan_path(architecture)
        assert plan.memory.peak_bytes <= budget


def test_where_nothing_that_is_wanted_fits_the_search_says_so() -> None:
    problem = problem_of(ROOMY.predict(ROOMY.smallest_path()).peak_bytes)
    context = SearchContext.of(problem)
    controller = Controller(LARGEST.as_subspace(), ControllerConfig(), seed=0)
    with pytest.raises(BudgetError, match="none fits"):
        context.sampler.draw(controller)


def test_architectures_that_build_the_same_network_are_one() -> None:
    context = SearchContext.of(problem_of(2**24))
    first = Architecture({"a": "none", "b": "conv3", "c": "none"})
    same = Architecture({"a": "conv3", "b": "none", "c": "none"})  # an identity before, or after
    other = Architecture({"a": "none", "b": "mb2", "c": "none"})
    assert context.sampler.different([first, same, other, LARGEST], 2) == [first, other]
    assert context.sampler.different([first, same], 5) == [first]
