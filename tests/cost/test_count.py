import torch
from torch import nn

from radars.cost import count_macs, count_parameters


def test_macs_of_a_convolution_and_a_linear_layer() -> None:
    network = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Flatten(), nn.Linear(8 * 16, 10))
    with torch.device("meta"):
        network = network.to("meta")
    assert count_macs(network, (1, 3, 4, 4)) == 3 * 8 * 9 * 16 + 8 * 16 * 10
    assert count_macs(network, (5, 3, 4, 4)) == 5 * count_macs(network, (1, 3, 4, 4))


def test_counting_leaves_the_mode_of_a_module() -> None:
    network = nn.Linear(2, 2, device="meta").train()
    count_macs(network, (1, 2))
    assert network.training


def test_a_shared_parameter_counts_once() -> None:
    layer = nn.Linear(3, 4)
    assert count_parameters(nn.Sequential(layer, layer)) == 3 * 4 + 4


def test_an_identity_costs_nothing() -> None:
    assert count_macs(nn.Identity(), (1, 2)) == 0
    assert count_parameters(nn.Identity()) == 0
