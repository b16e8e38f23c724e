"""Inputs as choices: which earlier tensors a node takes, with `Keep` (docs/spaces.md)."""

from collections.abc import Callable, Sequence
from itertools import combinations

import pytest
import torch
from tests.tiny import quick_config
from torch import Tensor, nn

from radars.data import tensor_data
from radars.engine.given import Given
from radars.engine.run import run_search
from radars.space import Choose, Keep, SearchSpace

EDGES = ("input0", "input1", "input2", "input3")


class Zeros(nn.Module):
    def forward(self, example: Tensor) -> Tensor:
        return torch.zeros_like(example)


class Adds(nn.Module):
    """Adds some of the tensors before it."""

    def __init__(self, choose: Choose) -> None:
        super().__init__()
        candidates: dict[str, Callable[[], nn.Module]] = {"none": Zeros, "taken": nn.Identity}
        self.edges = nn.ModuleList(choose(edge, candidates) for edge in EDGES)
        self.head = nn.Linear(8, 4)

    def joined(self, tensors: Sequence[Tensor]) -> Tensor:
        return torch.stack(list(tensors)).sum(0)

    def forward(self, example_BC: Tensor) -> Tensor:
        earlier = example_BC.view(-1, 4, 8).unbind(1)
        taken = [edge(each) for edge, each in zip(self.edges, earlier, strict=True)]
        output: Tensor = self.head(self.joined(taken))
        return output


class Concatenates(Adds):
    """Puts some of the tensors before it side by side."""

    def __init__(self, choose: Choose) -> None:
        super().__init__(choose)
        self.head = nn.Linear(32, 4)

    def joined(self, tensors: Sequence[Tensor]) -> Tensor:
        return torch.cat(list(tensors), 1)


@pytest.mark.parametrize("network", [Adds, Concatenates])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_network_depends_on_the_inputs_that_it_takes_alone(
    network: type[Adds], number: int
) -> None:
    space = SearchSpace(network, input_shape=(32,), rules=[Keep(EDGES, number)])
    wanted = list(combinations(EDGES, number))
    assert space.num_architectures == len(wanted)
    for kept in wanted:
        taken = {edge: "taken" if edge in kept else "none" for edge in EDGES}
        example = torch.randn(2, 32, requires_grad=True)
        space.build(taken)(example).sum().backward()
        assert example.grad is not None
        reached = example.grad.view(-1, 4, 8).abs().sum((0, 2)) > 0
        assert reached.tolist() == [edge in kept for edge in EDGES]


@pytest.mark.parametrize("network", [Adds, Concatenates])
def test_a_search_takes_the_inputs_that_tell_the_class(network: type[Adds]) -> None:
    generator = torch.Generator().manual_seed(0)
    label_N = torch.arange(512) % 4
    part_N = torch.randn(512, 4, 8, generator=generator)
    for part, bit in ((1, label_N % 2), (3, label_N // 2)):  # the others are noise
        part_N[:, part] = 0.3 * part_N[:, part]
        part_N[:, part, part] += 4.0 * bit - 2.0
    data = tensor_data(part_N.flatten(1), label_N)
    space = SearchSpace(network, input_shape=(32,), rules=[Keep(EDGES, 2)])
    config = quick_config(
        select={"finalists": 3, "halving_steps": [20, 60], "optimizer": {"learning_rate": 0.1}}
    )
    result = run_search(config, Given(space=space, data=data))
    assert [edge for edge in EDGES if result.architecture[edge] == "taken"] == ["input1", "input3"]
