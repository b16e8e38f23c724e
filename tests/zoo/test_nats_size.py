import pytest
import torch
from tests.tiny import zoo_space

from radars.cost import CostTable, count_macs, count_parameters
from radars.space import SearchSpace, building


@pytest.fixture(scope="module")
def space() -> SearchSpace:
    return zoo_space("nats-size")


@pytest.mark.parametrize(
    ("widths", "parameters"),
    [
        ((8, 8, 8, 8, 8), 11_714),
        ((8, 8, 16, 40, 40), 107_826),
        ((64, 64, 64, 64, 64), 713_674),
    ],
)
def test_networks_have_the_published_number_of_parameters(
    space: SearchSpace, widths: tuple[int, ...], parameters: int
) -> None:
    architecture = {f"layer{index}": width for index, width in enumerate(widths)}
    with building(torch.device("meta")):
        network = space.build(architecture)
    assert count_parameters(network) == parameters
    table = CostTable.of(space)
    assert table.cost(architecture).parameters == parameters
    assert table.cost(architecture).macs == count_macs(network, (1, 3, 32, 32))


def test_it_has_as_many_networks_as_the_published_table(space: SearchSpace) -> None:
    assert space.num_architectures == 32_768
