"""Which of the earlier tensors a layer takes: inputs as choices, some of which are kept.

On the digits of scikit-learn: the last layer adds two of four earlier tensors.
"""

import torch
from torch import Tensor, nn

import radars
from radars.nn.operations import classifier, conv_bn_relu

CHANNELS = 16
NUM_LAYERS = 3
EDGES = tuple(f"input{index}" for index in range(NUM_LAYERS + 1))


class Zeros(nn.Module):
    """What an input that is not taken gives."""

    def forward(self, image: Tensor) -> Tensor:
        """Zeros of the shape of an image."""
        return torch.zeros_like(image)


class Network(nn.Module):
    """A chain of layers, and a last layer that adds some of what they return."""

    def __init__(self, choose: radars.Choose) -> None:
        super().__init__()
        self.stem = conv_bn_relu(1, CHANNELS)
        self.layers = nn.ModuleList(conv_bn_relu(CHANNELS, CHANNELS) for _ in range(NUM_LAYERS))
        self.inputs = nn.ModuleList(
            choose(edge, {"none": Zeros, "taken": nn.Identity}) for edge in EDGES
        )
        self.head = nn.Sequential(conv_bn_relu(CHANNELS, CHANNELS), classifier(CHANNELS, 10))

    def forward(self, image: Tensor) -> Tensor:
        """Images (B, 1, H, W) to a score of each digit, (B, 10)."""
        earlier = [self.stem(image)]
        for layer in self.layers:
            earlier.append(layer(earlier[-1]))
        taken = [edge(each) for edge, each in zip(self.inputs, earlier, strict=True)]
        score: Tensor = self.head(torch.stack(taken).sum(0))
        return score


def main() -> None:
    """Searches, and says which inputs are taken."""
    space = radars.SearchSpace(Network, rules=[radars.Keep(EDGES, 2)])
    found = radars.search(space, "digits", budget="16MiB", max_minutes=0.1, batch_size=32)
    taken = [edge for edge, name in found.architecture.items() if name == "taken"]
    print(f"{space.num_architectures} networks; the last layer takes {', '.join(taken)}")


if __name__ == "__main__":
    main()
