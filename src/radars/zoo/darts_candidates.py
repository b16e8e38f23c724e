"""What the edges of DARTS' cells offer, as the authors' programs have it."""

from functools import partial

import torch
from torch import fx, nn

from radars.nn.operations import pointwise
from radars.space import Factory
from radars.zoo.cell_graphs import plain_conv_bn, zeros

NONE = "none"
CANDIDATES = (
    NONE,
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
)


def darts_candidates(channels: int, stride: int) -> dict[str, Factory]:
    """What an edge offers: name to factory, in the order of `CANDIDATES`.

    Args:
        channels: the channels of the nodes of its cell.
        stride: 2 where it comes into a reduction cell, else 1.
    """
    return {
        NONE: partial(zeros, stride),
        "max_pool_3x3": partial(nn.MaxPool2d, 3, stride, padding=1),
        "avg_pool_3x3": partial(nn.AvgPool2d, 3, stride, padding=1, count_include_pad=False),
        "skip_connect": nn.Identity if stride == 1 else partial(halved, channels, channels),
        "sep_conv_3x3": partial(_separable, channels, 3, stride),
        "sep_conv_5x5": partial(_separable, channels, 5, stride),
        "dil_conv_3x3": partial(_depthwise, channels, 3, stride, dilation=2),
        "dil_conv_5x5": partial(_depthwise, channels, 5, stride, dilation=2),
    }


def _separable(channels: int, kernel_size: int, stride: int) -> nn.Module:
    return nn.Sequential(
        _depthwise(channels, kernel_size, stride), _depthwise(channels, kernel_size, 1)
    )


def _depthwise(channels: int, kernel_size: int, stride: int, dilation: int = 1) -> nn.Module:
    """ReLU, depthwise convolution, 1x1 convolution, BatchNorm."""
    padding = dilation * (kernel_size // 2)
    return nn.Sequential(
        nn.ReLU(),  # not in place: other edges read the same node
        nn.Conv2d(
            channels, channels, kernel_size, stride, padding, dilation, groups=channels, bias=False
        ),
        *plain_conv_bn(channels, channels, 1),
    )


def halved(in_channels: int, out_channels: int) -> nn.Module:
    """(B, C, H, W) to (B, C', H / 2, W / 2): half the channels from each of two grids of pixels.

    The second grid is one pixel down and to the right. H and W are even.
    """
    first = out_channels // 2
    conv = partial(pointwise, in_channels, stride=2)
    modules = {
        "relu": nn.ReLU(),
        "first": conv(out_channels=first),
        "shift": nn.ZeroPad2d((-1, 0, -1, 0)),  # negative: crops
        "second": conv(out_channels=out_channels - first),
        "norm": nn.BatchNorm2d(out_channels),
    }
    graph = fx.Graph()
    image = graph.call_module("relu", (graph.placeholder("image"),))
    shifted = graph.call_module("shift", (image,))
    halves = [graph.call_module("first", (image,)), graph.call_module("second", (shifted,))]
    graph.output(graph.call_module("norm", (graph.call_function(torch.cat, (halves, 1)),)))
    return fx.GraphModule(modules, graph, "Halved")
