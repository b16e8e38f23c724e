"""DARTS: the cells for CIFAR-10 in which differentiable architecture search began.

Liu, Simonyan, Yang, "DARTS: Differentiable Architecture Search", ICLR 2019, section 2.1 and
appendix A. The network is that of the authors' `NetworkCIFAR`, in which they train what they found,
with its number of parameters, but without the auxiliary head and drop path. It is searched as it
is: the authors' network for searching has BatchNorm after poolings, and none with weights.
"""

import ast
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Annotated, Any, NamedTuple

import torch
from pydantic import Field, PositiveInt
from torch import fx, nn

from radars.errors import SpaceError, first_line
from radars.nn.operations import classifier
from radars.space import Architecture, Choose, Keep
from radars.zoo.cell_graphs import relu_conv_bn, returns_zeros, sum_of
from radars.zoo.darts_candidates import CANDIDATES, NONE, darts_candidates, halved
from radars.zoo.zoo_entry import ZooEntry

_NUM_INPUTS = 2  # of a cell: the nodes 0 and 1
_NUM_NODES = 4  # that a cell makes: 2 to 5
_KEPT = 2  # inputs of a node
_OUTPUTS = range(_NUM_INPUTS, _NUM_INPUTS + _NUM_NODES)
_STEM_MULTIPLIER = 3
_KINDS = ("normal", "reduce")

NumCells = Annotated[int, Field(ge=3)]  # fewer have not both kinds of cell
Edge = tuple[str, int]
"""A candidate, and the node whose output it takes."""


class Genotype(NamedTuple):
    """An architecture in the form in which the authors, and most since, write it.

    Attributes:
        normal: the two edges into each node of a normal cell, from the first node to the last.
        normal_concat: the nodes whose outputs a normal cell returns.
        reduce: likewise, of a reduction cell.
        reduce_concat: likewise.
    """

    normal: tuple[Edge, ...]
    normal_concat: tuple[int, ...]
    reduce: tuple[Edge, ...]
    reduce_concat: tuple[int, ...]

    def __str__(self) -> str:
        fields = ", ".join(f"{name}={list(value)!r}" for name, value in self._asdict().items())
        return f"Genotype({fields})"

    @classmethod
    def parse(cls, text: str) -> "Genotype":
        """Reads what `str` writes, and what the authors' programs print. Nothing is executed.

        Raises:
            SpaceError: the text is not of that form.
        """
        try:
            call = ast.parse(text.strip(), mode="eval").body
            if not isinstance(call, ast.Call) or call.args:
                raise ValueError("it is not a call with named arguments")
            if not isinstance(call.func, ast.Name) or call.func.id != "Genotype":
                raise ValueError("it is of something else")
            fields = {known.arg or "**": _literal(known.value) for known in call.keywords}
            if set(fields) != set(cls._fields) or len(call.keywords) != len(fields):
                raise ValueError(f"it names {', '.join(fields) or 'nothing'}")
            return cls(*(_checked_field(name, fields[name]) for name in cls._fields))
        except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError) as error:
            raise SpaceError(
                f"a genotype is written Genotype(normal=[(CANDIDATE, NODE), ...], "
                f"normal_concat=[NODE, ...], reduce=..., reduce_concat=...), but got "
                f"{text[:80]!r}; {first_line(error)}"
            ) from error


def darts(
    choose: Choose,
    *,
    num_classes: PositiveInt = 10,
    in_channels: PositiveInt = 3,
    width: PositiveInt = 36,
    num_cells: NumCells = 20,
) -> nn.Module:
    """A stack of cells, two of them reduction cells, which halve images.

    A cell has two inputs, the outputs of the two cells before it (nodes 0 and 1), and four nodes
    (2 to 5), whose outputs together are its own. Each node is the sum of two edges from nodes
    before it (`darts_rules`). All normal cells share their choices, and so do both reduction cells.

    Args:
        choose: what the space calls for each edge: `normal02`, in normal cells from node 0 to node
            2, to `normal45`, and `reduce02` to `reduce45`.
        num_classes: K; the network maps (B, `in_channels`, H, W) to (B, K).
        in_channels: channels of an image.
        width: channels of a node in the first cells; doubled by each reduction cell.
        num_cells: cells in all, at least 3.
    """
    channels = width
    stem_channels = _STEM_MULTIPLIER * width
    graph = fx.Graph()
    modules: dict[str, nn.Module] = {
        "stem": nn.Sequential(
            nn.Conv2d(in_channels, stem_channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(stem_channels),
        )
    }
    inputs = [graph.call_module("stem", (graph.placeholder("image"),))] * _NUM_INPUTS
    input_channels = [stem_channels, stem_channels]
    was_reduction = False
    for index in range(num_cells):
        is_reduction = index in (num_cells // 3, 2 * num_cells // 3)
        channels *= 1 + is_reduction
        # after a reduction the older input is twice as large, and is halved as it comes in
        older = halved if was_reduction else partial(relu_conv_bn, kernel_size=1)
        modules |= {
            f"older{index}": older(input_channels[0], channels),
            f"newer{index}": relu_conv_bn(input_channels[1], channels, 1),
            f"cell{index}": _cell(choose, channels, is_reduction),
        }
        prepared = tuple(
            graph.call_module(f"{name}{index}", (node,))
            for name, node in zip(("older", "newer"), inputs, strict=True)
        )
        inputs = [inputs[1], graph.call_module(f"cell{index}", prepared)]
        input_channels = [input_channels[1], _NUM_NODES * channels]
        was_reduction = is_reduction
    modules["classifier"] = classifier(input_channels[1], num_classes)
    graph.output(graph.call_module("classifier", (inputs[1],)))
    return fx.GraphModule(modules, graph, "DARTS")


def darts_rules() -> tuple[Keep, ...]:
    """Each node keeps two of its inputs."""
    return tuple(
        Keep(tuple(_edge(kind, source, target) for source in range(target)), _KEPT)
        for kind in _KINDS
        for target in _OUTPUTS
    )


def genotype_of(architecture: Mapping[str, str]) -> Genotype:
    """The genotype of an architecture of this space.

    Raises:
        SpaceError: it is not one; a node has not two inputs, say.
    """
    names = {name for kind in _KINDS for name, _ in _edges(kind)}
    if (
        set(architecture) != names
        or not set(architecture.values()) <= set(CANDIDATES)
        or not all(rule.allows(architecture) for rule in darts_rules())
    ):
        raise SpaceError(
            f"an architecture of darts gives normal02 to reduce45 one of "
            f"{', '.join(CANDIDATES)} each, and two edges into a node are not none, but got "
            f"{str(dict(architecture))[:200]}; load_space('darts').architecture says what is wrong"
        )
    cells = {
        kind: tuple(
            (architecture[name], source)
            for name, source in _edges(kind)
            if architecture[name] != NONE
        )
        for kind in _KINDS
    }
    return Genotype(cells["normal"], tuple(_OUTPUTS), cells["reduce"], tuple(_OUTPUTS))


def architecture_of_genotype(genotype: Genotype) -> Architecture:
    """The architecture of a genotype; the inverse of `genotype_of` but for the order of edges.

    Raises:
        SpaceError: it is not one of this space.
    """
    taken = {name: NONE for kind in _KINDS for name, _ in _edges(kind)}
    for kind in _KINDS:
        edges: tuple[Edge, ...] = getattr(genotype, kind)
        concat: tuple[int, ...] = getattr(genotype, f"{kind}_concat")
        targets = [target for target in _OUTPUTS for _ in range(_KEPT)]
        if len(edges) != len(targets) or tuple(sorted(concat)) != tuple(_OUTPUTS):
            raise SpaceError(
                f"a cell of darts has {len(targets)} edges and returns the nodes "
                f"{list(_OUTPUTS)}, but {kind} has {len(edges)} and returns {list(concat)}; "
                f"it is of another space"
            )
        for (candidate, source), target in zip(edges, targets, strict=True):
            name = _edge(kind, source, target)
            if candidate not in CANDIDATES[1:] or taken.get(name) != NONE:
                raise SpaceError(
                    f"two different nodes before it feed a node of darts, each through one of "
                    f"{', '.join(CANDIDATES[1:])}, but node {target} of {kind} takes "
                    f"{candidate!r} of {source!r}; correct it"
                )
            taken[name] = candidate
    return Architecture(taken)


def _edge(kind: str, source: int, target: int) -> str:
    return f"{kind}{source}{target}"


def _edges(kind: str) -> Iterator[tuple[str, int]]:
    """The choices of a cell, each with the node that its edge comes from."""
    return (
        (_edge(kind, source, target), source) for target in _OUTPUTS for source in range(target)
    )


def _cell(choose: Choose, channels: int, is_reduction: bool) -> nn.Module:
    kind = "reduce" if is_reduction else "normal"
    graph = fx.Graph()
    nodes = [graph.placeholder(f"node{index}") for index in range(_NUM_INPUTS)]
    edges: dict[str, nn.Module] = {}
    for target in _OUTPUTS:
        incoming = []
        for source, node in enumerate(nodes):
            stride = 2 if is_reduction and source < _NUM_INPUTS else 1
            name = _edge(kind, source, target)
            edges[name] = choose(name, darts_candidates(channels, stride))
            incoming.append((name, node))
        # zeros, which only a finished network is sure of, are left out
        something = [edge for edge in incoming if not returns_zeros(edges[edge[0]])]
        nodes.append(sum_of(graph, something or incoming[:1]))
    graph.output(graph.call_function(torch.cat, (nodes[_NUM_INPUTS:], 1)))
    return fx.GraphModule(edges, graph, "Cell")


def _literal(value: ast.expr) -> Any:
    """A literal, or the range of nodes in which the authors' search writes what it returns."""
    match value:
        case ast.Call(func=ast.Name(id="range"), args=[first, last], keywords=[]):
            bounds = ast.literal_eval(first), ast.literal_eval(last)
            if bounds == (_OUTPUTS.start, _OUTPUTS.stop):
                return list(_OUTPUTS)
    return ast.literal_eval(value)


def _checked_field(name: str, value: Any) -> Any:
    """A field of a genotype as tuples.

    Raises:
        ValueError: it does not hold what it should.
    """
    if not isinstance(value, list | tuple | range):
        raise ValueError(f"{name} is not a list")
    if name.endswith("_concat"):
        if not all(type(node) is int for node in value):
            raise ValueError(f"{name} holds more than nodes")
        return tuple(value)
    edges: list[Edge] = []
    for edge in value:
        match edge:
            case (str(candidate), int(node)) if not isinstance(node, bool):
                edges.append((candidate, node))
            case _:
                raise ValueError(f"{name} holds {edge!r}")
    return tuple(edges)


ENTRY = ZooEntry(
    "darts",
    darts,
    (3, 32, 32),
    "cells of 14 edges of 8 candidates, two kept a node: DARTS",
    darts_rules(),
)
