from collections.abc import Callable
from functools import partial

import pytest
import torch
from tests.tiny import shared_space, tiny_network, tiny_space, zoo_space
from torch import Tensor, nn

from radars.cost import Cost, CostTable, count_macs, count_parameters
from radars.errors import SpaceError
from radars.space import Choose, SearchSpace


@pytest.mark.parametrize(
    "space",
    [tiny_space(), shared_space(), zoo_space("digits"), zoo_space("nasbench-macro", width=8)],
    ids=lambda space: space.name,
)
def test_costs_add_up_to_those_of_the_built_network(space: SearchSpace) -> None:
    table = CostTable.of(space)
    generator = torch.Generator().manual_seed(0)
    assert space.input_shape is not None
    for _ in range(8):
        architecture = space.random_architecture(generator)
        with torch.device("meta"):
            network = space.build(architecture)
        assert table.cost(architecture) == Cost(
            count_macs(network, (1, *space.input_shape)), count_parameters(network)
        )


def test_a_choice_of_two_places_pays_for_both() -> None:
    conv3 = CostTable.of(shared_space()).candidates["a"]["conv3"]
    assert conv3.parameters == (4 * 4 * 9 + 2 * 4) + (8 * 8 * 9 + 2 * 8)


def test_an_input_shape_can_be_given_and_must_be_known() -> None:
    space = SearchSpace(tiny_network)
    with pytest.raises(SpaceError, match="input shape"):
        CostTable.of(space)
    small, large = (CostTable.of(space, (1, side, side)) for side in (8, 16))
    assert large.candidates["a"]["conv3"].macs == 4 * small.candidates["a"]["conv3"].macs
    assert large.candidates["a"]["conv3"].parameters == small.candidates["a"]["conv3"].parameters


def test_counting_leaves_randomness_alone() -> None:
    before = torch.get_rng_state()
    CostTable.of(tiny_space())
    assert torch.equal(torch.get_rng_state(), before)


def test_costs_of_modules_that_take_two_inputs() -> None:
    class Network(nn.Module):
        def __init__(self, choose: Choose) -> None:
            super().__init__()
            self.join = choose("join", {"bilinear": lambda: nn.Bilinear(4, 4, 2)})

        def forward(self, example: torch.Tensor) -> torch.Tensor:
            output: torch.Tensor = self.join(example, example)
            return output

    table = CostTable.of(SearchSpace(Network, input_shape=(4,)))
    assert table.candidates["join"]["bilinear"].parameters == 4 * 4 * 2 + 2
    assert table.fixed.parameters == 0


class Applied(nn.Module):
    """A function is all that tells two of these apart."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(8, 8))
        self.function = function

    def forward(self, example_B: Tensor) -> Tensor:
        return self.function(example_B @ self.weight)


def test_candidates_that_differ_in_a_function_alone_are_counted_one_by_one() -> None:
    def applied(times: int) -> nn.Module:
        def again(hidden_B: Tensor) -> Tensor:
            for _ in range(times):
                hidden_B = hidden_B @ hidden_B.new_zeros(8, 8)
            return hidden_B

        return Applied(again)

    def network(choose: Choose) -> nn.Module:
        names = [f"x{times}" for times in range(6)]
        return choose("a", {name: partial(applied, int(name[1:])) for name in names})

    macs = CostTable.of(SearchSpace(network, input_shape=(8,))).candidates["a"]
    assert [cost.macs for cost in macs.values()] == [64 * (1 + times) for times in range(6)]
