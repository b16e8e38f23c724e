"""ResNet-50 and its neighbours: how deep, how wide, and how wide inside, as values.

What Once-for-all searches of ResNet-50 (Cai et al., ICLR 2020; its authors' `OFAResNets`), around
the network of He et al. ("Deep Residual Learning", CVPR 2016, table 1) as torchvision has it, which
halves images in the 3x3 convolution. Theirs begins with three convolutions, and halves shortcuts by
a pool.
"""

from collections import OrderedDict
from typing import Annotated, NamedTuple

from pydantic import Field, PositiveInt
from torch import nn
from torchvision.models.resnet import Bottleneck
from torchvision.ops import Conv2dNormActivation

from radars.nn.operations import classifier
from radars.space import Choose
from radars.zoo.stages import scaled
from radars.zoo.zoo_entry import ZooEntry

_WIDTHS = (0.65, 0.8, 1.0)
_EXPANSIONS = (0.2, 0.25, 0.35)
_OF_PLANES = 4  # a block's channels, in what torchvision calls its planes
_BASE_WIDTH = 64

WidthMultiplier = Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)]


class _ResidualStage(NamedTuple):
    """Blocks of one size, the first of which may halve the image."""

    channels: int
    stride: int
    depths: tuple[int, ...]


_STAGES = (
    _ResidualStage(256, 1, (2, 3, 4)),
    _ResidualStage(512, 2, (2, 3, 4)),
    _ResidualStage(1024, 2, (4, 5, 6)),
    _ResidualStage(2048, 2, (2, 3, 4)),
)


def resnet_elastic(
    choose: Choose,
    *,
    num_classes: PositiveInt = 1000,
    in_channels: PositiveInt = 3,
    width_mult: WidthMultiplier = 1.0,
) -> nn.Module:
    """4 stages of bottleneck blocks: depth and width of each, and how wide each block is inside.

    ResNet-50 takes depths 3, 4, 6, 3, widths 1.0 and expansions 0.25.

    Args:
        choose: what the space calls for each stage: `depth1` and `width1`, in parts of the widest;
            and for each block `expand1_1` (the first of the first stage), `expand1_2`, ...: the
            channels inside, in parts of the stage's.
        num_classes: K; the network maps (B, `in_channels`, H, W) to (B, K).
        in_channels: channels of an image.
        width_mult: scales the channels of every layer, rounded to a multiple of 8.
    """
    channels = scaled(64, width_mult)
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    parts["stem"] = Conv2dNormActivation(in_channels, channels, 7, 2)
    parts["pool"] = nn.MaxPool2d(3, 2, padding=1)
    for number, stage in enumerate(_STAGES, 1):
        depth = choose(f"depth{number}", stage.depths)
        out = scaled(stage.channels, width_mult * choose(f"width{number}", _WIDTHS))
        blocks: list[nn.Module] = []
        for index in range(1, depth + 1):
            inside = scaled(out, choose(f"expand{number}_{index}", _EXPANSIONS))
            blocks.append(_block(channels, out, inside, stage.stride if index == 1 else 1))
            channels = out
        parts[f"stage{number}"] = nn.Sequential(*blocks)
    parts["classifier"] = classifier(channels, num_classes)
    return nn.Sequential(parts)


def _block(in_channels: int, out_channels: int, inside: int, stride: int) -> nn.Module:
    planes = out_channels // _OF_PLANES
    shortcut = None
    if stride != 1 or in_channels != out_channels:
        shortcut = Conv2dNormActivation(in_channels, out_channels, 1, stride, activation_layer=None)
    # it rounds down what it makes of the width per group
    width_per_group = _BASE_WIDTH * (inside + 0.5) / planes
    module: nn.Module = Bottleneck(
        in_channels, planes, stride, shortcut, base_width=width_per_group
    )
    return module


ENTRY = ZooEntry(
    "resnet-elastic",
    resnet_elastic,
    (3, 224, 224),
    "ResNet-50: depth and width of 4 stages, and the width inside each block",
)
