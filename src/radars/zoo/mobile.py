"""Mobile networks for images of 224x224, as ProxylessNAS and FBNet search them.

Cai et al., "ProxylessNAS", ICLR 2019; Wu et al., "FBNet", CVPR 2019.
"""

from functools import partial
from itertools import count
from typing import Annotated

from pydantic import Field, PositiveInt
from torch import nn

from radars.nn.operations import classifier, conv_bn_relu, mbconv, skip
from radars.space import Choose, Factory
from radars.zoo.stages import (
    HEAD_CHANNELS,
    LayerCandidates,
    Stage,
    mbconv_candidates,
    scaled,
    searchable_layers,
)
from radars.zoo.zoo_entry import ZooEntry

WidthMultiplier = Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)]

_KERNELS = (3, 5, 7, 9)  # of `mobile-large`
_EXPANSIONS = (1, 2, 3, 4, 6, 8)

_STAGES = (
    Stage(24, 4, 2),
    Stage(40, 4, 2),
    Stage(80, 4, 2),
    Stage(96, 4, 1),
    Stage(192, 4, 2),
    Stage(320, 1, 1),
)


def mobile(
    choose: Choose,
    *,
    num_classes: PositiveInt = 1000,
    in_channels: PositiveInt = 3,
    width_mult: WidthMultiplier = 1.0,
) -> nn.Module:
    """21 layers in 6 stages, each a `skip` or an MBConv with kernel 3, 5 or 7 and expansion 3 or 6.

    Args:
        choose: what the space calls for each layer, `layer0` to `layer20`.
        num_classes: K; the network maps (B, `in_channels`, H, W) to (B, K).
        in_channels: channels of an image.
        width_mult: scales the channels of every layer, rounded to a multiple of 8.
    """
    candidates = mbconv_candidates((3, 5, 7), (3, 6))
    return _mobile_network(choose, candidates, num_classes, in_channels, width_mult)


def mobile_large(
    choose: Choose,
    *,
    num_classes: PositiveInt = 1000,
    in_channels: PositiveInt = 3,
    width_mult: WidthMultiplier = 1.0,
) -> nn.Module:
    """The network of `mobile` with 49 candidates a layer.

    A layer is a `skip` or an MBConv with kernel 3, 5, 7 or 9, expansion 1, 2, 3, 4, 6 or 8, and
    with or without squeeze-and-excitation: `mb4_k5_se`.

    Args:
        choose: what the space calls for each layer, `layer0` to `layer20`.
        num_classes: K; the network maps (B, `in_channels`, H, W) to (B, K).
        in_channels: channels of an image.
        width_mult: scales the channels of every layer, rounded to a multiple of 8.
    """
    candidates = mbconv_candidates(_KERNELS, _EXPANSIONS, (False, True))
    return _mobile_network(choose, candidates, num_classes, in_channels, width_mult)


def mobile_elastic(
    choose: Choose,
    *,
    num_classes: PositiveInt = 1000,
    in_channels: PositiveInt = 3,
    width_mult: WidthMultiplier = 1.0,
) -> nn.Module:
    """The networks of `mobile-large`, whose 49 candidates a layer are 14 of 4 choices.

    Args:
        choose: what the space calls for each layer: `layer0`, a `skip` or an `mb`; and for an `mb`
            `kernel0` (3, 5, 7 or 9), `expand0` (1, 2, 3, 4, 6 or 8) and `squeeze0` (whether it has
            squeeze-and-excitation), to `layer20`.
        num_classes: K; the network maps (B, `in_channels`, H, W) to (B, K).
        in_channels: channels of an image.
        width_mult: scales the channels of every layer, rounded to a multiple of 8.
    """
    numbers = count()

    def candidates(inward: int, outward: int, stride: int) -> dict[str, Factory]:
        number = next(numbers)

        def block() -> nn.Module:
            return mbconv(
                inward,
                outward,
                choose(f"kernel{number}", _KERNELS),
                choose(f"expand{number}", _EXPANSIONS),
                stride,
                squeeze_excite=choose(f"squeeze{number}", (False, True)),
            )

        return {"skip": partial(skip, inward, outward, stride), "mb": block}

    return _mobile_network(choose, candidates, num_classes, in_channels, width_mult)


def _mobile_network(
    choose: Choose,
    candidates: LayerCandidates,
    num_classes: int,
    in_channels: int,
    width_mult: float,
) -> nn.Module:
    stem, first = scaled(32, width_mult), scaled(16, width_mult)
    stages = [
        stage._replace(out_channels=scaled(stage.out_channels, width_mult)) for stage in _STAGES
    ]
    head = scaled(HEAD_CHANNELS, max(1.0, width_mult))
    return nn.Sequential(
        conv_bn_relu(in_channels, stem, stride=2),
        mbconv(stem, first, kernel_size=3, expand_ratio=1),
        *searchable_layers(choose, candidates, first, stages),
        conv_bn_relu(stages[-1].out_channels, head, kernel_size=1),
        classifier(head, num_classes),
    )


MOBILE = ZooEntry("mobile", mobile, (3, 224, 224), "21 layers of 7 MBConv candidates: ProxylessNAS")
MOBILE_LARGE = ZooEntry(
    "mobile-large", mobile_large, (3, 224, 224), "21 layers of 49 MBConv candidates"
)
MOBILE_ELASTIC = ZooEntry(
    "mobile-elastic", mobile_elastic, (3, 224, 224), "the networks of mobile-large, by values"
)
