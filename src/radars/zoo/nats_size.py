"""The size space of NATS-Bench: one cell, and the channels of each of its five layers.

Dong, Liu, Musial, Gabrys, "NATS-Bench: Benchmarking NAS Algorithms for Architecture Topology and
Size", TPAMI 2021. The network is that of the authors' `DynamicShapeTinyNet` with the cell that they
fixed, `|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|`,
and has its number of parameters.
"""  # noqa: E501 - the name of the cell

from pydantic import PositiveInt
from torch import fx, nn

from radars.nn.operations import classifier
from radars.space import Choose
from radars.zoo.cell_graphs import plain_conv_bn, relu_conv_bn, residual_reduction, sum_of
from radars.zoo.zoo_entry import ZooEntry

_MULTIPLES = (1, 2, 3, 4, 5, 6, 7, 8)
_SKIPPED = "edge03"  # the only edge without a convolution


def nats_size(
    choose: Choose,
    *,
    num_classes: PositiveInt = 10,
    in_channels: PositiveInt = 3,
    width: PositiveInt = 8,
) -> nn.Module:
    """3 cells, and 2 residual blocks between them that halve the image: 8 widths in each.

    Args:
        choose: what the space calls for the channels of each layer, `layer0` to `layer4`: 8, 16,
            24, ... or 64.
        num_classes: K; the network maps (B, `in_channels`, H, W) to (B, K).
        in_channels: channels of an image.
        width: channels of the narrowest layer; the others have 2, 3, ... and 8 times as many.
    """
    widths = [width * multiple for multiple in _MULTIPLES]
    channels = [choose(f"layer{index}", widths) for index in range(5)]
    return nn.Sequential(
        plain_conv_bn(in_channels, channels[0], 3),
        _cell(channels[0], channels[0]),
        residual_reduction(channels[0], channels[1]),
        _cell(channels[1], channels[2]),
        residual_reduction(channels[2], channels[3]),
        _cell(channels[3], channels[4]),
        nn.Sequential(nn.BatchNorm2d(channels[4]), nn.ReLU(inplace=True)),
        classifier(channels[4], num_classes),
    )


def _cell(in_channels: int, out_channels: int) -> nn.Module:
    """A node is the sum of what the edges from all nodes before it return."""
    edges: dict[str, nn.Module] = {}
    graph = fx.Graph()
    nodes = [graph.placeholder("image")]
    for target in range(1, 4):
        incoming = [(f"edge{source}{target}", node) for source, node in enumerate(nodes)]
        for edge, node in incoming:
            inward = in_channels if node is nodes[0] else out_channels
            edges[edge] = _skip(inward, out_channels) if edge == _SKIPPED else relu_conv_bn(
                inward, out_channels, 3
            )  # fmt: skip
        nodes.append(sum_of(graph, incoming))
    graph.output(nodes[-1])
    return fx.GraphModule(edges, graph, "Cell")


def _skip(in_channels: int, out_channels: int) -> nn.Module:
    """Identity; where the channels differ, a 1x1 convolution with BatchNorm."""
    if in_channels == out_channels:
        return nn.Identity()
    return plain_conv_bn(in_channels, out_channels, 1)


ENTRY = ZooEntry(
    "nats-size", nats_size, (3, 32, 32), "8 widths in each of 5 layers: NATS-Bench's size space"
)
