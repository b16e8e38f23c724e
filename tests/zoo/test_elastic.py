"""Spaces of values around published networks."""

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from tests.tiny import zoo_space
from torch import nn
from torchvision.models import resnet50

from radars.cost import CostTable, count_macs, count_parameters
from radars.space import Architecture, Candidates, SearchSpace, building
from radars.zoo.mobile import mobile_elastic, mobile_large
from radars.zoo.resnet_elastic import resnet_elastic
from radars.zoo.vit_elastic import vit_elastic

SHAPE = (1, 3, 224, 224)
RESNET50 = {
    "depth1": 3, "depth2": 4, "depth3": 6, "depth4": 3, "width": 1.0, "expand": 0.25,
}  # fmt: skip
DEIT_TINY = {"embedding": 192, "depth": 12, "heads": 3, "ratio": 4.0}


def taking(taken: Mapping[str, Any]) -> Any:
    """A `choose` that takes what stands under the longest beginning of a choice's name."""

    def choose(name: str, candidates: Candidates) -> Any:
        key = max((key for key in taken if name.startswith(key)), key=len)
        assert taken[key] in list(candidates)
        return candidates[taken[key]]() if isinstance(candidates, Mapping) else taken[key]

    return choose


def costs(network: nn.Module) -> tuple[int, int]:
    return count_parameters(network), count_macs(network, SHAPE)


def test_resnet50_is_the_published_one() -> None:
    with building(torch.device("meta")):
        network, published = resnet_elastic(taking(RESNET50)), resnet50()
    assert costs(network) == costs(published) == (25_557_032, 4_089_184_256)  # 25.6 M, 4.1 G
    shapes = sorted(tuple(each.shape) for each in network.parameters())
    assert shapes == sorted(tuple(each.shape) for each in published.parameters())


def test_deit_tiny_is_the_published_one() -> None:
    with building(torch.device("meta")):
        network = vit_elastic(taking(DEIT_TINY))
    assert costs(network) == (5_717_416, 1_253_683_200)  # 5.7 M, 1.3 G


def test_deit_attends_as_torch_does() -> None:
    torch.manual_seed(0)
    network = vit_elastic(taking(DEIT_TINY | {"depth": 12}), image_size=32, num_classes=5)
    ours = network.get_submodule("attention1.module.1")
    theirs = nn.MultiheadAttention(192, 3, batch_first=True)
    weights = dict(ours.named_parameters())
    with torch.no_grad():
        for kind in ("weight", "bias"):
            joined = torch.cat([weights[f"{part}.{kind}"] for part in ("query", "key", "value")])
            getattr(theirs, f"in_proj_{kind}").copy_(joined)
            getattr(theirs.out_proj, kind).copy_(weights[f"outward.{kind}"])
        token_BNC = torch.randn(2, 5, 192)
        expected, _ = theirs(token_BNC, token_BNC, token_BNC)
        torch.testing.assert_close(ours(token_BNC), expected)
        assert network(torch.randn(2, 3, 32, 32)).shape == (2, 5)


def as_values(architecture: Mapping[str, str]) -> dict[str, Any]:
    """The architecture of `mobile-elastic` with the network of one of `mobile-large`."""
    taken: dict[str, Any] = {}
    for index, name in enumerate(architecture.values()):
        taken[f"layer{index}"] = "skip" if name == "skip" else "mb"
        if name != "skip":
            ratio, kernel, *squeeze = name.removeprefix("mb").split("_")
            taken[f"kernel{index}"] = int(kernel.removeprefix("k"))
            taken[f"expand{index}"] = int(ratio)
            taken[f"squeeze{index}"] = bool(squeeze)
    return taken


def drawn_of_mobile_large(seed: int) -> dict[str, str]:
    generator = torch.Generator().manual_seed(seed)
    names = ["skip"] + [
        f"mb{ratio}_k{kernel}{suffix}"
        for ratio in (1, 2, 3, 4, 6, 8)
        for kernel in (3, 5, 7, 9)
        for suffix in ("", "_se")
    ]
    index_L = torch.randint(len(names), (21,), generator=generator)
    return {f"layer{layer}": names[index] for layer, index in enumerate(index_L.tolist())}


@pytest.mark.parametrize("seed", range(3))
def test_values_build_the_networks_of_mobile_large(seed: int) -> None:
    architecture = drawn_of_mobile_large(seed)
    exact = as_values(architecture)

    def choose(name: str, candidates: Candidates) -> Any:
        assert name in exact
        taken = exact[name]
        return candidates[taken]() if isinstance(candidates, Mapping) else taken

    def choose_large(name: str, candidates: Mapping[str, Any]) -> Any:
        return candidates[architecture[name]]()

    with building(torch.device("meta")):
        ours, theirs = mobile_elastic(choose), mobile_large(choose_large)  # type: ignore[arg-type]
    assert repr(ours) == repr(theirs)
    assert costs(ours) == costs(theirs)


@pytest.mark.slow  # some hundred traces
@pytest.mark.parametrize("name", ["resnet-elastic", "vit-elastic", "mobile-elastic"])
def test_costs_of_drawn_networks_are_exact(name: str) -> None:
    space: SearchSpace = zoo_space(name)
    table = CostTable.of(space)
    generator = torch.Generator().manual_seed(0)
    for _ in range(3):
        architecture: Architecture = space.random_architecture(generator)
        with building(torch.device("meta")):
            network = space.build(architecture)
        cost = table.cost(architecture)
        assert (cost.parameters, cost.macs) == costs(network)
