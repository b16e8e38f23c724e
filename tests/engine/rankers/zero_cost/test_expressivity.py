import math
from unittest.mock import Mock

import pytest
import torch
from torch import Tensor, nn

from radars.engine.rankers.ranker import Look
from radars.engine.rankers.zero_cost.expressivity import Expressivity
from radars.nn.supernet import Supernet
from radars.nn.zero_cost_step import zero_cost_step
from radars.space import Architecture, Choose, SearchSpace

NOTHING = Mock(spec=Look)  # it asks for none of it


class Alike(nn.Module):
    """Every channel of a map is the first one, times a factor."""

    def forward(self, maps_BCHW: Tensor) -> Tensor:
        factors_C = torch.arange(1.0, maps_BCHW.shape[1] + 1)
        return maps_BCHW[:, :1] * factors_C[:, None, None] + 3.0


class Zeros(nn.Module):
    def forward(self, maps_BCHW: Tensor) -> Tensor:
        return torch.zeros_like(maps_BCHW)


def network(choose: Choose) -> nn.Module:
    candidates = {"skip": nn.Identity, "alike": Alike, "zeros": Zeros}
    return nn.Sequential(
        choose("a", candidates), choose("b", candidates), nn.Flatten(), nn.Linear(6 * 8 * 8, 2)
    )


def looked_at(supernet: Supernet, example_B: Tensor) -> float:
    expressivity = Expressivity()
    zero_cost_step(supernet, example_B, [expressivity])
    return expressivity.score(NOTHING)


def expressivity(a: str, b: str, example_B: Tensor) -> float:
    space = SearchSpace(network)
    supernet = Supernet(space, Architecture({"a": a, "b": b}).as_subspace())
    return looked_at(supernet, example_B)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("skip", "skip", 2 * math.log(6)),  # channels are independent
        ("skip", "alike", math.log(6)),  # all the same but for a factor
        ("alike", "skip", 0.0),
        ("zeros", "zeros", 0.0),
    ],
)
def test_it_is_the_entropy_of_the_spectrum_of_channels(a: str, b: str, expected: float) -> None:
    example_B = torch.randn(32, 6, 8, 8, generator=torch.Generator().manual_seed(0))
    assert expressivity(a, b, example_B) == pytest.approx(expected, abs=0.02)
    offset_B = 5 * example_B - 2  # neither scale nor mean matter
    assert expressivity(a, b, offset_B) == pytest.approx(expected, abs=0.02)


def test_the_entropy_is_of_the_eigenvalues_of_the_covariance() -> None:
    example_B = torch.randn(20, 6, 8, 8, generator=torch.Generator().manual_seed(1)).cumsum(1)
    rows_NC = example_B.movedim(1, -1).reshape(-1, 6).double()
    share_C = torch.linalg.eigvalsh(torch.cov(rows_NC.T))
    share_C = share_C / share_C.sum()
    expected = -2 * float(share_C.square().sum().log())
    assert expressivity("skip", "skip", example_B) == pytest.approx(expected, rel=1e-4)


def test_channels_of_tokens_are_the_last_dimension() -> None:
    def tokens(choose: Choose) -> nn.Module:
        return nn.Sequential(choose("a", {"skip": nn.Identity}), nn.Flatten(), nn.Linear(12, 2))

    token_B = torch.randn(200, 1, 3, generator=torch.Generator().manual_seed(2))
    alike_B = token_B.repeat_interleave(4, 1)  # in every place
    supernet = Supernet(SearchSpace(tokens))
    assert looked_at(supernet, alike_B) == pytest.approx(math.log(3), abs=0.05)


def test_it_leaves_nothing_behind() -> None:
    supernet = Supernet(SearchSpace(network))
    before = {name: tensor.clone() for name, tensor in supernet.state_dict().items()}
    looked_at(supernet, torch.randn(5, 6, 8, 8))
    assert all(torch.equal(before[name], tensor) for name, tensor in supernet.state_dict().items())
    assert not any(module._forward_hooks for module in supernet.modules())
