"""Cells of few edges for small colour images: `none`, skip, pooling or a convolution on each."""

from functools import partial, reduce

import torch
from torch import Tensor, nn

from radars import Choose
from radars.space import Factory

_EDGES = ((0, 1), (0, 2), (1, 2), (1, 3), (2, 3))  # from one node to a later one


def cells(choose: Choose, width: int = 8) -> nn.Module:
    """Two cells, which share five choices, around a convolution that halves images: 1,024.

    (B, 3, 8, 8) to (B, 10). Some cells are disconnected, and know nothing of their input.
    """
    return nn.Sequential(
        nn.Conv2d(3, width, 3, padding=1, bias=False),
        nn.BatchNorm2d(width),
        Cell(choose, width),
        _conv(width, 2 * width, stride=2),
        Cell(choose, 2 * width),
        nn.BatchNorm2d(2 * width),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(2 * width, 10),
    )


class Cell(nn.Module):
    """Node 0 is the input, node 3 the output; a node is the sum of the edges that lead to it."""

    def __init__(self, choose: Choose, channels: int) -> None:
        super().__init__()
        candidates: dict[str, Factory] = {
            "none": Zeros,
            "skip": nn.Identity,
            "pool": partial(nn.AvgPool2d, 3, stride=1, padding=1, count_include_pad=False),
            "conv": partial(_conv, channels, channels),
        }
        for source, target in _EDGES:
            name = f"edge{source}{target}"
            self.add_module(name, choose(name, candidates))

    def forward(self, image: Tensor) -> Tensor:
        nodes = [image]
        for node in (1, 2, 3):
            incoming = [
                self.get_submodule(f"edge{source}{target}")(nodes[source])
                for source, target in _EDGES
                if target == node
            ]
            nodes.append(reduce(torch.add, incoming))
        return nodes[-1]


class Zeros(nn.Module):
    """Zeros of its input's shape: no edge."""

    def forward(self, image: Tensor) -> Tensor:
        return torch.zeros_like(image)


def _conv(in_channels: int, out_channels: int, stride: int = 1) -> nn.Module:
    return nn.Sequential(
        nn.ReLU(),
        nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False),
        nn.BatchNorm2d(out_channels),
    )
