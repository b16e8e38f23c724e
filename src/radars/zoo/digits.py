"""A small space for 8x8 grey images of handwritten digits: searched in seconds on a CPU."""

from functools import partial

from pydantic import PositiveInt
from torch import nn

from radars.nn.operations import classifier, conv_bn_relu, mbconv, skip
from radars.space import Choose, Factory
from radars.zoo.stages import Stage, searchable_layers
from radars.zoo.zoo_entry import ZooEntry


def digits(
    choose: Choose,
    *,
    num_classes: PositiveInt = 10,
    in_channels: PositiveInt = 1,
    width: PositiveInt = 16,
) -> nn.Module:
    """5 layers in 3 stages; each is a `skip`, a convolution or an MBConv.

    Args:
        choose: what the space calls for each layer, `layer0` to `layer4`.
        num_classes: K; the network maps (B, `in_channels`, H, W) to (B, K).
        in_channels: channels of an image.
        width: channels of the stem; the stages have 1, 2 and 4 times as many.
    """
    stages = [Stage(width, 1, 1), Stage(2 * width, 2, 2), Stage(4 * width, 2, 2)]
    return nn.Sequential(
        conv_bn_relu(in_channels, width),
        *searchable_layers(choose, _candidates, width, stages),
        classifier(4 * width, num_classes),
    )


def _candidates(in_channels: int, out_channels: int, stride: int) -> dict[str, Factory]:
    return {
        "skip": partial(skip, in_channels, out_channels, stride),
        "conv3": partial(conv_bn_relu, in_channels, out_channels, 3, stride),
        "mb2_k3": partial(mbconv, in_channels, out_channels, 3, 2, stride),
        "mb4_k3": partial(mbconv, in_channels, out_channels, 3, 4, stride),
    }


ENTRY = ZooEntry(
    "digits", digits, (1, 8, 8), "5 layers of 4 candidates for 8x8 digits: the default"
)
