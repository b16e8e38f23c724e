"""A large space for images of 32x32: 8 layers of 25 candidates, 1.5e11 networks."""

from pydantic import PositiveInt
from torch import nn

from radars.space import Choose
from radars.zoo.stages import cifar_network, mbconv_candidates
from radars.zoo.zoo_entry import ZooEntry


def cifar_large(
    choose: Choose,
    *,
    num_classes: PositiveInt = 10,
    in_channels: PositiveInt = 3,
    width: PositiveInt = 32,
) -> nn.Module:
    """The macro-structure of NAS-Bench-Macro with MBConvs of many kinds in each layer.

    A layer is a `skip` or an MBConv with kernel 3, 5 or 7, expansion 2, 3, 4 or 6, and with or
    without squeeze-and-excitation: `mb4_k5_se`.

    Args:
        choose: what the space calls for each layer, `layer0` to `layer7`.
        num_classes: K; the network maps (B, `in_channels`, H, W) to (B, K).
        in_channels: channels of an image.
        width: channels of the stem; the stages have 2, 4 and 8 times as many.
    """
    return cifar_network(
        choose,
        mbconv_candidates((3, 5, 7), (2, 3, 4, 6), (False, True)),
        num_classes=num_classes,
        in_channels=in_channels,
        width=width,
    )


ENTRY = ZooEntry("cifar-large", cifar_large, (3, 32, 32), "8 layers of 25 MBConv candidates")
