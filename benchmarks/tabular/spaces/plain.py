"""Networks without residual connections and normalisation: the deeper, the harder to train."""

from functools import partial

from torch import nn

from radars import Choose


def plain(choose: Choose, width: int = 12) -> nn.Module:
    """Five layers of four candidates: 1,024. (B, 1, 8, 8) to (B, 10)."""
    layers = [
        choose(
            f"layer{index}",
            {
                "skip": nn.Identity,
                "conv1": partial(_conv, width, width, 1),
                "conv3": partial(_conv, width, width, 3),
                "conv5": partial(_conv, width, width, 5),
            },
        )
        for index in range(5)
    ]
    return nn.Sequential(
        nn.Conv2d(1, width, 1), *layers, nn.AvgPool2d(2), nn.Flatten(), nn.Linear(16 * width, 10)
    )


def _conv(in_channels: int, out_channels: int, kernel_size: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2),
        nn.Tanh(),
        nn.AvgPool2d(3, stride=1, padding=1),
    )
