"""What the spaces of cells have in common: sums over edges, and what edges offer.

A node of a cell is a sum over several edges, which no container of torch expresses. A class of our
own would, but a built network holds nothing of radars: sums are `torch.fx` graphs over plain
modules, of which torch generates the code.
"""

import operator
from collections.abc import Iterable
from functools import reduce
from typing import Any

import torch
from torch import fx, nn

_ZEROS = "Zeros"
_EVERY_SECOND_PIXEL: Any = (..., slice(None, None, 2), slice(None, None, 2))


def sum_of(graph: fx.Graph, terms: Iterable[tuple[str, fx.Node]]) -> fx.Node:
    """Adds what modules, each given by its name and with its input, return."""
    outputs = (graph.call_module(name, (node,)) for name, node in terms)
    return reduce(lambda total, output: graph.call_function(operator.add, (total, output)), outputs)


def added(module: nn.Module) -> nn.Module:
    """Adds what a module returns to its input."""
    graph = fx.Graph()
    image = graph.placeholder("image")
    output = graph.call_module("module", (image,))
    graph.output(graph.call_function(operator.add, (image, output)))
    return fx.GraphModule({"module": module}, graph, "Added")


def zeros(stride: int = 1) -> nn.Module:
    """Returns zeros of its input's shape, passes no gradient on; a stride of 2 halves the image."""
    graph = fx.Graph()
    image = graph.placeholder("image")
    if stride == 2:
        image = graph.call_function(operator.getitem, (image, _EVERY_SECOND_PIXEL))
    graph.output(graph.call_function(torch.zeros_like, (image,)))
    return fx.GraphModule({}, graph, _ZEROS)


def returns_zeros(module: nn.Module) -> bool:
    """Whether a module is one of `zeros`; not where it is one of the candidates of a mixture."""
    return type(module).__name__ == _ZEROS


def relu_conv_bn(
    in_channels: int, out_channels: int, kernel_size: int, stride: int = 1
) -> nn.Module:
    """ReLU, convolution (same padding, no bias), BatchNorm."""
    # not in place: other edges read the same node
    return nn.Sequential(nn.ReLU(), *plain_conv_bn(in_channels, out_channels, kernel_size, stride))


def plain_conv_bn(
    in_channels: int, out_channels: int, kernel_size: int, stride: int = 1
) -> nn.Sequential:
    """Convolution (same padding, no bias), BatchNorm."""
    padding = kernel_size // 2
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, bias=False),
        nn.BatchNorm2d(out_channels),
    )


def residual_reduction(in_channels: int, out_channels: int) -> nn.Module:
    """Residual block: (B, C_in, H, W) to (B, C_out, H / 2, W / 2), sizes rounded up."""
    branches = {
        "block": nn.Sequential(
            relu_conv_bn(in_channels, out_channels, 3, stride=2),
            relu_conv_bn(out_channels, out_channels, 3),
        ),
        "downsample": nn.Sequential(
            nn.AvgPool2d(2, stride=2, ceil_mode=True),  # rounds odd sizes as the convolution does
            nn.Conv2d(in_channels, out_channels, 1, bias=False),
        ),
    }
    graph = fx.Graph()
    image = graph.placeholder("image")
    graph.output(sum_of(graph, [(branch, image) for branch in branches]))
    return fx.GraphModule(branches, graph, "Reduction")
