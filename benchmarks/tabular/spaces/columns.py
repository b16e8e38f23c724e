"""A network for tables: each hidden layer bends, gates or leaves alone what it gets."""

from functools import partial

from torch import Tensor, nn

from radars import Choose


def columns(choose: Choose, width: int = 32) -> nn.Module:
    """Four hidden layers of five candidates: 625. (B, 16) to (B, 4)."""
    hidden = [
        choose(
            f"layer{index}",
            {
                "skip": nn.Identity,
                "relu": partial(_layer, width, nn.ReLU),
                "tanh": partial(_layer, width, nn.Tanh),
                "gated": partial(_gated, width),
                "sine": partial(_layer, width, Sine),
            },
        )
        for index in range(4)
    ]
    return nn.Sequential(nn.Linear(16, width), *hidden, nn.BatchNorm1d(width), nn.Linear(width, 4))


class Sine(nn.Module):
    """The sine of every value."""

    def forward(self, value: Tensor) -> Tensor:
        return value.sin()


def _layer(width: int, activation: type[nn.Module]) -> nn.Module:
    return nn.Sequential(nn.BatchNorm1d(width), nn.Linear(width, width), activation())


def _gated(width: int) -> nn.Module:
    return nn.Sequential(nn.BatchNorm1d(width), nn.Linear(width, 2 * width), nn.GLU())
