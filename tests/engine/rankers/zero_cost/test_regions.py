import math
from dataclasses import replace
from functools import partial
from unittest.mock import Mock

import pytest
import torch
from torch import nn
from torchvision.ops import SqueezeExcitation

from radars.engine.rankers.ranker import Look
from radars.engine.rankers.zero_cost.regions import Regions
from radars.nn.supernet import Supernet
from radars.nn.zero_cost_step import zero_cost_step
from radars.space import Architecture, Choose, SearchSpace

NOTHING = Look(Mock(), Architecture({}))  # without a batch


def network(choose: Choose) -> nn.Module:
    return nn.Sequential(
        nn.Linear(4, 6),
        nn.ReLU(),
        choose("a", {"relu": lambda: nn.Sequential(nn.Linear(6, 9), nn.ReLU6())}),
        nn.Linear(9, 3),
    )


def looked_at(supernet: Supernet, example_B: torch.Tensor) -> Regions:
    regions = Regions()
    zero_cost_step(supernet, example_B, [regions])
    return regions


def smooth(choose: Choose) -> nn.Module:
    return nn.Sequential(nn.Linear(4, 6), choose("a", {"gelu": nn.GELU}), nn.Linear(6, 3))


def test_the_kernel_is_the_mean_over_layers_of_how_many_relus_are_alike() -> None:
    supernet = Supernet(SearchSpace(network))
    example_B = torch.randn(5, 4, generator=torch.Generator().manual_seed(4))
    regions = looked_at(supernet, example_B)
    with torch.no_grad():
        first, relu, second = list(supernet.network.children())[:3]
        hidden = relu(first(example_B))
        codes = [hidden > 0, second(hidden) > 0]
    expected = sum((code[:, None] == code).float().mean(-1) for code in codes) / 2
    assert isinstance(expected, torch.Tensor)
    assert torch.allclose(regions.kernel_BB, expected)
    assert regions.score(NOTHING) == pytest.approx(float(torch.logdet(expected.double())), abs=1e-6)


def test_it_leaves_nothing_behind() -> None:
    supernet = Supernet(SearchSpace(network))
    before = {name: tensor.clone() for name, tensor in supernet.state_dict().items()}
    looked_at(supernet, torch.randn(5, 4))
    assert all(torch.equal(before[name], tensor) for name, tensor in supernet.state_dict().items())
    assert not any(module._forward_hooks for module in supernet.modules())


def test_a_network_that_tells_no_examples_apart_is_far_behind_all_others() -> None:
    example_B = torch.randn(5, 4)
    live = looked_at(Supernet(SearchSpace(network)), example_B).score(NOTHING)
    dead = looked_at(Supernet(SearchSpace(network)), torch.ones(5, 4)).score(NOTHING)
    assert -math.inf < dead < live - 20
    linear = looked_at(Supernet(SearchSpace(smooth)), example_B)
    assert linear.score(replace(NOTHING, example_B=example_B)) == pytest.approx(dead, abs=1.0)
    assert linear.score(NOTHING) == 0.0


def gated(choose: Choose) -> nn.Module:
    def layer(squeeze: bool) -> nn.Module:
        gate = [SqueezeExcitation(4, 2)] if squeeze else []
        return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), *gate)

    options = {name: partial(layer, name == "gate") for name in ("plain", "gate")}
    return nn.Sequential(choose("a", options), nn.Flatten(), nn.Linear(64, 3))


def test_relus_behind_a_pooling_do_not_count() -> None:
    space, example_B = SearchSpace(gated), torch.randn(5, 1, 6, 6)
    plain, gate = (
        Supernet(space, Architecture({"a": name}).as_subspace()) for name in ("plain", "gate")
    )
    convolutions = [
        next(module for module in supernet.modules() if isinstance(module, nn.Conv2d))
        for supernet in (plain, gate)
    ]
    convolutions[1].load_state_dict(convolutions[0].state_dict())
    kernels = [looked_at(supernet, example_B).kernel_BB for supernet in (plain, gate)]
    assert torch.equal(*kernels)
    assert kernels[0].diagonal().tolist() == pytest.approx([1.0] * 5)
