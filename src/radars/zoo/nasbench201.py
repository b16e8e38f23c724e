"""NAS-Bench-201: 5^6 cells for small images, each trained in a published table.

Dong and Yang, "NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search", ICLR
2020. The network is that of the authors' `TinyNetwork`, with its numbers of parameters and of
multiply-accumulates (the table's FLOPs, which also count the classifier's 10 biases).
"""

import re
from collections.abc import Mapping
from functools import partial

from pydantic import PositiveInt
from torch import fx, nn

from radars.errors import SpaceError
from radars.nn.operations import classifier
from radars.space import Architecture, Choose, Factory
from radars.zoo.cell_graphs import (
    plain_conv_bn,
    relu_conv_bn,
    residual_reduction,
    sum_of,
    zeros,
)
from radars.zoo.zoo_entry import ZooEntry

_NUM_NODES = 4
_NUM_STAGES = 3
_CANDIDATES = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
_EDGES = ("edge01", "edge02", "edge12", "edge03", "edge13", "edge23")
_FORM = "|{}~0|+|{}~0|{}~1|+|{}~0|{}~1|{}~2|"  # of a cell's string, with the edges in this order
_PATTERN = re.compile(re.escape(_FORM).replace(r"\{\}", f"({'|'.join(_CANDIDATES)})"))


def nasbench201(
    choose: Choose,
    *,
    num_classes: PositiveInt = 10,
    in_channels: PositiveInt = 3,
    width: PositiveInt = 16,
    cells_per_stage: PositiveInt = 5,
) -> nn.Module:
    """3 stages of cells, which all share six choices; a residual block halves images in between.

    A cell has the nodes 0 to 3. Node 0 is its input, node 3 its output; a node is the sum of what
    the edges from all nodes before it return.

    Args:
        choose: what the space calls for each edge, `edge01` (from node 0 to node 1), `edge02`,
            `edge12`, `edge03`, `edge13` and `edge23`.
        num_classes: K; the network maps (B, `in_channels`, H, W) to (B, K).
        in_channels: channels of an image.
        width: channels of the first stage; the others have 2 and 4 times as many.
        cells_per_stage: cells of a stage.
    """
    layers: list[nn.Module] = [plain_conv_bn(in_channels, width, 3)]
    channels = width
    for stage in range(_NUM_STAGES):
        if stage > 0:
            layers.append(residual_reduction(channels, 2 * channels))
            channels *= 2
        layers += [_cell(choose, channels) for _ in range(cells_per_stage)]
    layers.append(nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU(inplace=True)))
    return nn.Sequential(*layers, classifier(channels, num_classes))


def cell_string(architecture: Mapping[str, str]) -> str:
    """The authors' name of an architecture: `|OP~0|+|OP~0|OP~1|+|OP~0|OP~1|OP~2|`.

    Between two `+` are the edges into one node, each with the node that it comes from.

    Raises:
        SpaceError: it is not an architecture of this space.
    """
    if set(architecture) != set(_EDGES) or not set(architecture.values()) <= set(_CANDIDATES):
        raise SpaceError(
            f"an architecture of nasbench201 gives {', '.join(_EDGES)} one of "
            f"{', '.join(_CANDIDATES)} each, but got {dict(architecture)}; give one of that space"
        )
    return _FORM.format(*(architecture[edge] for edge in _EDGES))


def architecture_of(cell: str) -> Architecture:
    """The architecture of a cell's string; the inverse of `cell_string`.

    Raises:
        SpaceError: the string is not of that form, or an operation is unknown.
    """
    match = _PATTERN.fullmatch(cell)
    if match is None:
        raise SpaceError(
            f"a cell of nasbench201 is written {_FORM.replace('{}', 'OP')} with each OP one of "
            f"{', '.join(_CANDIDATES)}, but got {cell[:200]!r}; write it so"
        )
    return Architecture(dict(zip(_EDGES, match.groups(), strict=True)))


def _candidates(channels: int) -> dict[str, Factory]:
    return {
        "none": zeros,
        "skip_connect": nn.Identity,
        "nor_conv_1x1": partial(relu_conv_bn, channels, channels, 1),
        "nor_conv_3x3": partial(relu_conv_bn, channels, channels, 3),
        "avg_pool_3x3": partial(nn.AvgPool2d, 3, stride=1, padding=1, count_include_pad=False),
    }


def _cell(choose: Choose, channels: int) -> nn.Module:
    edges = {edge: choose(edge, _candidates(channels)) for edge in _EDGES}
    graph = fx.Graph()
    nodes = [graph.placeholder("image")]
    for target in range(1, _NUM_NODES):
        incoming = [(f"edge{source}{target}", node) for source, node in enumerate(nodes)]
        nodes.append(sum_of(graph, incoming))
    graph.output(nodes[-1])
    return fx.GraphModule(edges, graph, "Cell")


ENTRY = ZooEntry(
    "nasbench201", nasbench201, (3, 32, 32), "cells of 6 edges of 5 candidates: NAS-Bench-201"
)
