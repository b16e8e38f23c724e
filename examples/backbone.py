"""A torchvision backbone made searchable: each 3x3 convolution of its blocks, or something cheaper.

Any network works that is built by a function: `timm.create_model("resnet18", num_classes=10)` too.
"""

from torch import nn
from torchvision.models.resnet import BasicBlock, ResNet

import radars


def resnet() -> nn.Module:
    """Torchvision's ResNet with one block a stage, for digits: one channel, small images."""
    network: nn.Module = ResNet(BasicBlock, [1, 1, 1, 1], num_classes=10)
    network.conv1 = nn.Conv2d(1, 64, 3, padding=1, bias=False)
    network.maxpool = nn.Identity()
    return network


def grouped(conv: nn.Module) -> nn.Module:
    assert isinstance(conv, nn.Conv2d)
    channels = conv.out_channels
    return nn.Conv2d(channels, channels, 3, padding=1, groups=16, bias=False)


def depthwise(conv: nn.Module) -> nn.Module:
    assert isinstance(conv, nn.Conv2d)
    channels = conv.out_channels
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False),
        nn.Conv2d(channels, channels, 1, bias=False),
    )


def main() -> None:
    candidates = {"full": lambda conv: conv, "grouped": grouped, "depthwise": depthwise}
    space = radars.SearchSpace(radars.searchable(resnet, {"layer*.conv2": candidates}))
    result = radars.search(
        space,
        budget="128MiB",
        constraints=["parameters<=4e6"],  # of 2.1 to 4.9 million
        num_rounds=1,
        batch_size=32,
        explore={"steps": 32, "ranker_draws": 4},
        differentiate={"steps": 4},
        select={"finalists": 2, "halving_steps": [8]},
    )
    print(dict(result.architecture), f"{result.parameters:,} parameters")


if __name__ == "__main__":
    main()
