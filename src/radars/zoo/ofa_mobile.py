"""The space of Once-for-all: MobileNetV3 whose kernels, expansions and depths are chosen.

Cai, Gan, Wang, Zhang, Han, "Once-for-All: Train One Network and Specialize it for Efficient
Deployment", ICLR 2020, section 4.1; the stages are those of MobileNetV3-Large (Howard et al. 2019,
table 1).
"""

from collections import OrderedDict
from typing import Annotated, NamedTuple

from pydantic import Field, PositiveInt
from torch import nn
from torchvision.models.mobilenetv3 import InvertedResidual, InvertedResidualConfig
from torchvision.ops import Conv2dNormActivation

from radars.space import Choose
from radars.zoo.stages import scaled
from radars.zoo.zoo_entry import ZooEntry

_KERNELS = (3, 5, 7)
_EXPANSIONS = (3, 4, 6)
_DEPTHS = (2, 3, 4)

WidthMultiplier = Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)]


class _MobileStage(NamedTuple):
    """Blocks of one size, the first of which may halve the image."""

    channels: int
    stride: int
    squeezes: bool
    activation: str  # of torchvision: RE or HS


_STAGES = (
    _MobileStage(24, 2, False, "RE"),
    _MobileStage(40, 2, True, "RE"),
    _MobileStage(80, 2, False, "HS"),
    _MobileStage(112, 1, True, "HS"),
    _MobileStage(160, 2, True, "HS"),
)


def ofa_mobile(
    choose: Choose,
    *,
    num_classes: PositiveInt = 1000,
    in_channels: PositiveInt = 3,
    width_mult: WidthMultiplier = 1.0,
) -> nn.Module:
    """5 stages of 2, 3 or 4 blocks, each with kernel 3, 5 or 7 and expansion 3, 4 or 6: 2.2e19.

    Args:
        choose: what the space calls for each stage, `depth1` to `depth5`, and for each block,
            `kernel1_1` and `expand1_1` (the first of the first stage), `kernel1_2`, ...
        num_classes: K; the network maps (B, `in_channels`, H, W) to (B, K).
        in_channels: channels of an image.
        width_mult: scales the channels of every layer, rounded to a multiple of 8; 1.0 and 1.2 in
            the paper.
    """
    first, last = scaled(16, width_mult), scaled(960, width_mult)
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    parts["stem"] = Conv2dNormActivation(in_channels, first, 3, 2, activation_layer=nn.Hardswish)
    parts["first"] = _block(first, first, 3, 1, _MobileStage(first, 1, False, "RE"), 1)
    channels = first
    for number, stage in enumerate(_STAGES, 1):
        blocks: list[nn.Module] = []
        out = scaled(stage.channels, width_mult)
        for index in range(1, choose(f"depth{number}", _DEPTHS) + 1):
            kernel_size = choose(f"kernel{number}_{index}", _KERNELS)
            expansion = choose(f"expand{number}_{index}", _EXPANSIONS)
            stride = stage.stride if index == 1 else 1
            blocks.append(_block(channels, out, kernel_size, expansion, stage, stride))
            channels = out
        parts[f"stage{number}"] = nn.Sequential(*blocks)
    parts["last"] = Conv2dNormActivation(channels, last, 1, activation_layer=nn.Hardswish)
    wide = scaled(1280, max(1.0, width_mult))
    parts["classifier"] = nn.Sequential(
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(last, wide),
        nn.Hardswish(),
        nn.Linear(wide, num_classes),
    )
    return nn.Sequential(parts)


def _block(
    in_channels: int,
    out_channels: int,
    kernel_size: int,
    expansion: int,
    stage: _MobileStage,
    stride: int,
) -> nn.Module:
    config = InvertedResidualConfig(
        in_channels,
        kernel_size,
        in_channels * expansion,
        out_channels,
        stage.squeezes,
        stage.activation,
        stride,
        dilation=1,
        width_mult=1.0,
    )
    module: nn.Module = InvertedResidual(config, norm_layer=nn.BatchNorm2d)
    return module


ENTRY = ZooEntry(
    "ofa-mobile",
    ofa_mobile,
    (3, 224, 224),
    "5 stages: depth, and kernel and expansion of each block: Once-for-all",
)
