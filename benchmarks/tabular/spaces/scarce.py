"""Networks for few and noisy examples: what is wide learns the noise by heart."""

from functools import partial

from torch import Tensor, nn

from radars import Choose

_COLUMNS = 10


def scarce(choose: Choose) -> nn.Module:
    """Four residual layers of no, few or many hidden units: 625. (B, 10) to (B, 3)."""
    layers = [
        choose(
            f"layer{index}",
            {
                "skip": nn.Identity,
                "hidden2": partial(Hidden, 2),
                "hidden4": partial(Hidden, 4),
                "hidden16": partial(Hidden, 16),
                "hidden64": partial(Hidden, 64),
            },
        )
        for index in range(4)
    ]
    return nn.Sequential(*layers, nn.Linear(_COLUMNS, 3))


class Hidden(nn.Module):
    """Adds to its input what a layer of hidden units makes of it."""

    def __init__(self, num_units: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(_COLUMNS, num_units),
            nn.ReLU(),
            nn.Linear(num_units, _COLUMNS),
        )

    def forward(self, example: Tensor) -> Tensor:
        added: Tensor = self.layers(example)
        return example + added
