"""Residual networks of bottleneck blocks: how deep, how narrow inside, which kernel, which groups.

The block is that of RegNet (Radosavovic et al., "Designing Network Design Spaces", CVPR 2020,
figure 4), as torchvision has it: 1x1, grouped k x k and 1x1 convolutions beside a shortcut.
"""

import math
from functools import partial
from itertools import product

from pydantic import PositiveInt
from torch import nn
from torchvision.models.regnet import ResBottleneckBlock
from torchvision.ops import Conv2dNormActivation

from radars.nn.operations import classifier, conv_bn_relu, skip
from radars.space import Choose, Factory
from radars.zoo.stages import Stage, searchable_layers
from radars.zoo.zoo_entry import ZooEntry

_RATIOS = (1, 2, 4)  # the block's channels, in those inside it
_KERNEL_SIZES = (3, 5)
_GROUP_WIDTHS = (8, 16, None)


def resnet(
    choose: Choose,
    *,
    num_classes: PositiveInt = 10,
    in_channels: PositiveInt = 3,
    width: PositiveInt = 32,
    blocks_per_stage: PositiveInt = 4,
) -> nn.Module:
    """3 stages of blocks, each a `skip` where the shape stays the same, or a bottleneck block.

    `r4_k3_g8` has a quarter of the channels inside (`r`), kernel 3 and groups of 8 channels;
    without `g` the convolution has one group.

    Args:
        choose: what the space calls for each block, `layer0`, `layer1`, ...
        num_classes: K; the network maps (B, `in_channels`, H, W) to (B, K).
        in_channels: channels of an image.
        width: channels of the stem and of the first stage; the others have 2 and 4 times as many.
        blocks_per_stage: the most blocks of a stage; how many are `skip` is searched.
    """
    stages = [
        Stage(width, blocks_per_stage, 1),
        Stage(2 * width, blocks_per_stage, 2),
        Stage(4 * width, blocks_per_stage, 2),
    ]
    return nn.Sequential(
        conv_bn_relu(in_channels, width),
        *searchable_layers(choose, _candidates, width, stages),
        classifier(4 * width, num_classes),
    )


def _candidates(in_channels: int, out_channels: int, stride: int) -> dict[str, Factory]:
    factories: dict[str, Factory] = {}
    if stride == 1 and in_channels == out_channels:
        factories["skip"] = nn.Identity
    for ratio, kernel_size, group_width in product(_RATIOS, _KERNEL_SIZES, _GROUP_WIDTHS):
        name = f"r{ratio}_k{kernel_size}" + (f"_g{group_width}" if group_width else "")
        factories[name] = partial(
            _bottleneck, in_channels, out_channels, stride, ratio, kernel_size, group_width
        )
    return factories


def _bottleneck(
    in_channels: int,
    out_channels: int,
    stride: int,
    ratio: int,
    kernel_size: int,
    group_width: int | None,
) -> nn.Module:
    inside = max(1, out_channels // ratio)
    # groups of the width asked for, or of the widest that divides the channels inside
    group_width = inside if group_width is None else math.gcd(group_width, inside)
    block = ResBottleneckBlock(
        in_channels,
        out_channels,
        stride,
        nn.BatchNorm2d,
        nn.ReLU,
        group_width,
        bottleneck_multiplier=inside / out_channels,
        se_ratio=None,
    )
    if block.proj is not None:
        block.proj = skip(in_channels, out_channels, stride)  # also right of few channels
    if kernel_size != 3:  # torchvision's block has no other
        block.f.b = Conv2dNormActivation(
            inside, inside, kernel_size, stride, groups=inside // group_width
        )
    module: nn.Module = block
    return module


ENTRY = ZooEntry("resnet", resnet, (3, 32, 32), "12 bottleneck blocks of up to 19 candidates")
