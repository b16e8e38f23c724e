import pytest
import torch
from tests.tiny import zoo_space

from radars.cost import CostTable, count_macs, count_parameters, learn_terms
from radars.memory import path_relaxation
from radars.space import building

pytestmark = pytest.mark.slow  # a hundred traces for the choices, and another for the costs
SHAPE = (3, 64, 64)


def test_costs_are_exact_and_all_but_depth_is_relaxed_by_masks() -> None:
    space = zoo_space("ofa-mobile", num_classes=10)
    table = CostTable.of(space, SHAPE)
    generator = torch.Generator().manual_seed(0)
    for _ in range(5):
        architecture = space.random_architecture(generator)
        with building(torch.device("meta")):
            network = space.build(architecture)
        cost = table.cost(architecture)
        assert cost.parameters == count_parameters(network)
        assert cost.macs == count_macs(network, (1, *SHAPE))
    largest = learn_terms(space, SHAPE).largest
    assert all(largest[f"depth{stage}"] == 4 for stage in range(1, 6))
    masked = path_relaxation(space, SHAPE, 32).masked
    assert masked == {name for name in space.full if not name.startswith("depth")}
