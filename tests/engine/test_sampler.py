import pytest
import torch
from tests.engine.on_paths import ALLOWED, LARGEST, ROOMY, prefer, problem_of
from torch import nn

from radars.cost import Feasible
from radars.data.tensors import tensor_data
from radars.engine.context import SearchContext
from radars.engine.given import Given
from radars.engine.method_config import ControllerConfig
from radars.engine.methods.radars import Radars
from radars.engine.policies.categorical import Controller
from radars.engine.policies.policy import Uniform
from radars.engine.problem import SearchProblem
from radars.engine.search_config import SearchConfig
from radars.errors import BudgetError
from radars.space import Architecture, Choose, SearchSpace


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


def mostly_wide(choose: Choose) -> nn.Module:
    """Six choices of eight, of which one is not wide."""
    wide = {
        f"wide{size}": lambda size=size: nn.Sequential(nn.Linear(8, size), nn.Linear(size, 8))
        for size in range(600, 1300, 100)
    }
    layers = [choose(f"layer{index}", {"skip": nn.Identity, **wide}) for index in range(6)]
    return nn.Sequential(*layers, nn.Linear(8, 10))


def test_paths_are_drawn_where_hardly_any_fits() -> None:
    space = SearchSpace(mostly_wide)
    data = tensor_data(torch.randn(64, 8), torch.arange(64) % 10)
    config = SearchConfig(budget="200KiB", data={"batch_size": 8}, device="cpu")
    context = SearchContext.of(SearchProblem.of(config, Given(space=space, data=data)))
    generator = torch.Generator().manual_seed(0)
    drawn = [context.sampler.draw_uniform(generator) for _ in range(4)]
    assert all(context.guard.fits(path) for path in drawn)
    assert len(set(drawn)) > 1
    luck = Uniform(space.full, generator)
    of_all = [luck.sample(context.problem.feasible).architecture for _ in range(20)]
    assert not any(context.guard.fits(path) for path in of_all)


def test_architectures_that_build_the_same_network_are_one() -> None:
    context = SearchContext.of(problem_of(2**24))
    first = Architecture({"a": "none", "b": "conv3", "c": "none"})
    same = Architecture({"a": "conv3", "b": "none", "c": "none"})  # an identity before, or after
    other = Architecture({"a": "none", "b": "mb2", "c": "none"})
    assert context.sampler.different([first, same, other, LARGEST], 2) == [first, other]
    assert context.sampler.different([first, same], 5) == [first]
