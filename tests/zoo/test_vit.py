import pytest
import torch
from tests.learns import assert_learns
from tests.tiny import zoo_space
from torch import nn

from radars.cost import CostTable, count_macs, count_parameters
from radars.errors import ConfigError
from radars.zoo.vit import _attention

SPACE = zoo_space("vit", width=16, depth=2)


def test_attention_is_that_of_torch() -> None:
    torch.manual_seed(0)
    ours = _attention(16, 4)
    theirs = nn.MultiheadAttention(16, 4, batch_first=True)
    weights = {name.rpartition("module.")[2]: value for name, value in ours.named_parameters()}
    with torch.no_grad():
        theirs.in_proj_weight.copy_(weights["1.inward.weight"].flatten(1))
        theirs.in_proj_bias.copy_(weights["1.inward.bias"])
        theirs.out_proj.weight.copy_(weights["1.outward.weight"].flatten(1))
        theirs.out_proj.bias.copy_(weights["1.outward.bias"])
        image = torch.randn(2, 16, 3, 5)
        patches = nn.functional.layer_norm(image.flatten(2).transpose(1, 2), (16,), eps=1e-6)
        expected, _ = theirs(patches, patches, patches)
        found = (ours(image) - image).flatten(2).transpose(1, 2)
    torch.testing.assert_close(found, expected)


def test_heads_cost_the_same_and_costs_add_up() -> None:
    table = CostTable.of(SPACE)
    heads = [table.candidates["mixer0"][f"heads{number}"] for number in (2, 4, 8)]
    # four linear layers of 64 patches, and all pairs of patches twice
    assert {cost.macs for cost in heads} == {4 * 64 * 16 * 16 + 2 * 64 * 64 * 16}
    architecture = SPACE.random_architecture(torch.Generator().manual_seed(0))
    with torch.device("meta"):
        network = SPACE.build(architecture)
    cost = table.cost(architecture)
    assert cost.macs == count_macs(network, (1, 3, 32, 32))
    assert cost.parameters == count_parameters(network)


def test_a_layer_can_be_left_out() -> None:
    network = SPACE.build(dict.fromkeys(SPACE.full, "skip"))
    assert sum(isinstance(module, nn.Identity) for module in network.modules()) == 4


def test_a_width_that_heads_do_not_divide_is_refused() -> None:
    with pytest.raises(ConfigError, match="multiple of 8"):
        zoo_space("vit", width=12)


def test_a_network_learns() -> None:
    assert_learns(SPACE)
