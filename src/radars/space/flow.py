"""How data flow from choice to choice through a space's network: what a diagram of it shows."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from radars._torch_internals import tree_leaves
from radars.example import InputDtype, InputShape, blank, call, parts_of
from radars.space.blueprint import building, built, run_without_values
from radars.space.choose import Candidate, Candidates, Choose, offer_of

INPUT = ""
"""Stands for the network's input among the sources of a choice."""


@dataclass(frozen=True)
class Flow:
    """Which choices feed which.

    Attributes:
        sources: choice to the choices whose output reaches its input through no other choice;
            `INPUT` among them where the network's input does. Of a choice that several places
            follow, as in cells that are repeated, the first place.
        output: the choices whose output reaches the network's output likewise.
        num_places: choice to how many modules follow it.
        shapes: choice to the shape that it returns at its first place, without the batch.
    """

    sources: dict[str, tuple[str, ...]]
    output: tuple[str, ...]
    num_places: dict[str, int] = field(default_factory=dict)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)


class _Tags(TorchFunctionMode):
    """Remembers of every tensor which choices it comes from."""

    def __init__(self) -> None:
        super().__init__()
        self._tags: dict[int, frozenset[str]] = {}
        self._kept: list[Tensor] = []  # so that no other tensor gets the id of an earlier one

    def of(self, values: Any) -> frozenset[str]:
        tags = (self._tags.get(id(leaf), frozenset()) for leaf in tree_leaves(values))
        return frozenset[str]().union(*tags)

    def put(self, tags: Iterable[str], values: Any) -> None:
        for leaf in tree_leaves(values):
            if isinstance(leaf, Tensor):
                self._tags[id(leaf)] = frozenset(tags)
                self._kept.append(leaf)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        output = func(*args, **(kwargs or {}))
        tags = self.of((args, kwargs))
        if tags:
            self.put(tags, output)
        return output


class _Node(nn.Module):
    """The first candidate of a choice; notes where its input comes from."""

    def __init__(self, choice: str, candidate: nn.Module, tags: _Tags) -> None:
        super().__init__()
        self.choice = choice
        self.candidate = candidate
        self.tags = tags
        self.sources: frozenset[str] = frozenset()
        self.shape: tuple[int, ...] = ()

    def forward(self, *inputs: Tensor) -> Tensor:
        self.sources = self.tags.of(inputs)
        returned: Tensor = self.candidate(*inputs)
        output = returned.view_as(returned)  # an identity returns its input, which is not ours
        self.tags.put([self.choice], output)
        self.shape = tuple(output.shape[1:])
        return output


def trace_flow(
    replay: Callable[[Choose], nn.Module],
    input_shape: InputShape,
    architecture: Mapping[str, Candidate] | None = None,
    input_dtype: InputDtype = torch.float32,
) -> Flow:
    """Runs a network once on the meta device. Choices of values are not seen.

    Args:
        replay: builds the network with a given `choose`.
        input_shape: the shape of one example, without the batch.
        architecture: which network; None for the first candidate of every choice.
        input_dtype: the dtype of an example.
    """
    nodes: list[_Node] = []
    tags = _Tags()

    def choose(name: str, candidates: Candidates) -> Any:
        offer = offer_of(name, candidates)
        taken = offer.take(offer.candidates[0] if architecture is None else architecture[name])
        if offer.factories is None:
            return taken
        nodes.append(_Node(name, taken, tags))
        return nodes[-1]

    def attempt() -> nn.Module:
        nodes.clear()
        return replay(choose)

    def run() -> Any:
        network = built(attempt).eval()
        example_B = blank(1, input_shape, input_dtype)
        with tags:
            tags.put([INPUT], parts_of(example_B))
            return tags.of(call(network, example_B))

    with building(torch.device("meta")), torch.no_grad():
        output = run_without_values(run)
    order = {node.choice: index for index, node in reversed(list(enumerate(nodes)))}
    firsts = {choice: nodes[index] for choice, index in sorted(order.items(), key=lambda e: e[1])}

    def in_order(choices: Iterable[str]) -> tuple[str, ...]:
        return tuple(sorted(choices, key=lambda choice: order.get(choice, -1)))

    return Flow(
        sources={choice: in_order(node.sources) for choice, node in firsts.items()},
        output=in_order(output),
        num_places={c: sum(node.choice == c for node in nodes) for c in firsts},
        shapes={choice: node.shape for choice, node in firsts.items()},
    )
