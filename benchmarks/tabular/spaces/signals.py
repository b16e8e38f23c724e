"""A network for signals: each layer sees near, far, or nothing of its surroundings."""

from functools import partial

from torch import nn

from radars import Choose


def signals(choose: Choose, width: int = 12) -> nn.Module:
    """Four layers of five candidates between a strided stem and a maximum over time: 625.

    (B, 1, 128) to (B, 6).
    """
    layers: list[nn.Module] = [nn.Conv1d(1, width, 5, stride=2, padding=2)]
    layers += [
        choose(
            f"layer{index}",
            {
                "skip": nn.Identity,
                "conv1": partial(_conv, width, 1),
                "conv3": partial(_conv, width, 3),
                "conv9": partial(_conv, width, 9),
                "dilated": partial(_conv, width, 3, dilation=4),
            },
        )
        for index in range(4)
    ]
    return nn.Sequential(*layers, nn.AdaptiveMaxPool1d(1), nn.Flatten(), nn.Linear(width, 6))


def _conv(channels: int, kernel_size: int, dilation: int = 1) -> nn.Module:
    padding = dilation * (kernel_size // 2)
    return nn.Sequential(
        nn.Conv1d(channels, channels, kernel_size, padding=padding, dilation=dilation, bias=False),
        nn.BatchNorm1d(channels),
        nn.ReLU(),
    )
