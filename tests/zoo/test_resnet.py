import pytest
import torch
from tests.learns import assert_learns
from tests.tiny import zoo_space
from torch import nn

from radars.cost import CostTable, count_macs, count_parameters

SPACE = zoo_space("resnet", width=16, blocks_per_stage=2)


def convolutions(candidate: str) -> list[nn.Conv2d]:
    architecture = SPACE.best({"layer1": {candidate: 1.0}})
    with torch.device("meta"):
        network = SPACE.build(architecture)
    assert isinstance(network, nn.Sequential)
    return [module for module in network[2].modules() if isinstance(module, nn.Conv2d)]


@pytest.mark.parametrize(
    ("candidate", "inside", "kernel_size", "groups"),
    [("r1_k3_g8", 16, 3, 2), ("r2_k5", 8, 5, 1), ("r4_k5_g8", 4, 5, 1), ("r1_k5_g16", 16, 5, 1)],
)
def test_a_block_is_what_its_name_says(
    candidate: str, inside: int, kernel_size: int, groups: int
) -> None:
    [narrow, mixing, wide] = convolutions(candidate)
    assert narrow.out_channels == mixing.in_channels == mixing.out_channels == inside
    assert mixing.kernel_size == (kernel_size, kernel_size)
    assert mixing.groups == groups
    assert wide.out_channels == 16


def test_depth_is_searched_where_the_shape_stays_the_same() -> None:
    assert not convolutions("skip")
    offers = ["skip" in names for names in SPACE.full.values()]
    assert offers == [True, True, False, True, False, True]


def test_costs_add_up() -> None:
    table = CostTable.of(SPACE)
    architecture = SPACE.random_architecture(torch.Generator().manual_seed(0))
    with torch.device("meta"):
        network = SPACE.build(architecture)
    cost = table.cost(architecture)
    assert cost.macs == count_macs(network, (1, 3, 32, 32))
    assert cost.parameters == count_parameters(network)


def test_a_network_learns() -> None:
    assert_learns(SPACE)
