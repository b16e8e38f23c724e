"""A space written to judge searches on: twelve residual layers, each of eight kinds.

It had no part in development. Nothing in it is tuned, and it has what people put into such spaces:
plain, bottleneck, separable and dilated convolutions, two inverted residuals, pooling and nothing.
Shapes: B batch, C channels, H and W pixels.
"""

from collections.abc import Callable
from functools import partial

from torch import Tensor, nn

from radars import Choose
from radars.nn.operations import mbconv

_WIDTHS = (16, 16, 16, 16, 32, 32, 32, 32, 64, 64, 64, 64)


def twelve_layers(choose: Choose, num_classes: int = 10) -> nn.Module:
    """8^12 networks, 6.9e10: (B, 3, H, W) to (B, num_classes)."""
    layers: list[nn.Module] = [_convolution(3, _WIDTHS[0], 3)]
    before = _WIDTHS[0]
    for index, width in enumerate(_WIDTHS):
        if width != before:
            layers.append(nn.Sequential(nn.AvgPool2d(2), _convolution(before, width, 1)))
        layers.append(choose(f"layer{index}", _kinds(width)))
        before = width
    return nn.Sequential(
        *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, num_classes)
    )


class Residual(nn.Module):
    """Adds what a branch makes of its input to it: (B, C, H, W) to the same."""

    def __init__(self, *branch: nn.Module) -> None:
        super().__init__()
        self.branch = nn.Sequential(*branch)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Returns the sum."""
        branch_BCHW: Tensor = self.branch(x_BCHW)
        return x_BCHW + branch_BCHW


def _kinds(width: int) -> dict[str, Callable[[], nn.Module]]:
    quarter = width // 4
    return {
        "skip": nn.Identity,
        "pool": lambda: Residual(nn.MaxPool2d(3, 1, 1), nn.BatchNorm2d(width)),
        "conv3": lambda: Residual(_convolution(width, width, 3)),
        "dilated": lambda: Residual(_convolution(width, width, 3, dilation=2)),
        "separable5": lambda: Residual(
            nn.Conv2d(width, width, 5, padding=2, groups=width, bias=False),
            _convolution(width, width, 1),
        ),
        "bottleneck": lambda: Residual(
            _convolution(width, quarter, 1),
            _convolution(quarter, quarter, 3),
            _convolution(quarter, width, 1),
        ),
        "mb3": partial(mbconv, width, width, 3, 3),
        "mb6_k5": partial(mbconv, width, width, 5, 6),
    }


def _convolution(
    in_channels: int, out_channels: int, kernel_size: int, dilation: int = 1
) -> nn.Module:
    padding = dilation * (kernel_size // 2)
    return nn.Sequential(
        nn.Conv2d(
            in_channels,
            out_channels,
            kernel_size,
            padding=padding,
            dilation=dilation,
            bias=False,
        ),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(),
    )
