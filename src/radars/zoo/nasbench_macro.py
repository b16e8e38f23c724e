"""NAS-Bench-Macro: 3^8 networks for CIFAR-10, each trained three times in a published table.

Su et al., "Prioritized Architecture Sampling with Monto-Carlo Tree Search", CVPR 2021. Parameters
and multiply-accumulates (MACs, the table's `flops`) of a built network are those of the table.
"""

from collections.abc import Mapping
from functools import partial

from pydantic import PositiveInt
from torch import nn

from radars.errors import SpaceError
from radars.nn.operations import mbconv, skip
from radars.space import Architecture, Choose, Factory
from radars.zoo.stages import cifar_network
from radars.zoo.zoo_entry import ZooEntry

_NUM_LAYERS = 8
_CANDIDATES = ("identity", "mb3_k3", "mb6_k5")  # a candidate's index is its digit in the table


def nasbench_macro(
    choose: Choose,
    *,
    num_classes: PositiveInt = 10,
    in_channels: PositiveInt = 3,
    width: PositiveInt = 32,
) -> nn.Module:
    """8 layers in 3 stages; each is an identity or an MBConv.

    Args:
        choose: what the space calls for each layer, `layer0` to `layer7`.
        num_classes: K; the network maps (B, `in_channels`, H, W) to (B, K).
        in_channels: channels of an image.
        width: channels of the stem; the stages have 2, 4 and 8 times as many.
    """
    return cifar_network(
        choose, _candidates, num_classes=num_classes, in_channels=in_channels, width=width
    )


def table_key(architecture: Mapping[str, str]) -> str:
    """The table's key of an architecture: `02012100`, a digit a layer.

    Raises:
        SpaceError: it is not an architecture of this space.
    """
    layers = {f"layer{index}" for index in range(_NUM_LAYERS)}
    if set(architecture) != layers or not set(architecture.values()) <= set(_CANDIDATES):
        raise SpaceError(
            f"an architecture of nasbench-macro gives layer0 to layer{_NUM_LAYERS - 1} one of "
            f"{', '.join(_CANDIDATES)} each, but got {dict(architecture)}; give one of that space"
        )
    digits = (_CANDIDATES.index(architecture[f"layer{index}"]) for index in range(_NUM_LAYERS))
    return "".join(map(str, digits))


def from_table_key(key: str) -> Architecture:
    """The architecture of a key of the table; the inverse of `table_key`.

    Raises:
        SpaceError: the key is not 8 digits of 0, 1 and 2.
    """
    if len(key) != _NUM_LAYERS or not set(key) <= set("012"):
        raise SpaceError(
            f"a key of NAS-Bench-Macro is {_NUM_LAYERS} digits of 0, 1 and 2, but got {key!r}; "
            "write it like 01210212"
        )
    return Architecture(
        {f"layer{index}": _CANDIDATES[int(digit)] for index, digit in enumerate(key)}
    )


def _candidates(in_channels: int, out_channels: int, stride: int) -> dict[str, Factory]:
    return {
        "identity": partial(skip, in_channels, out_channels, stride),
        "mb3_k3": partial(mbconv, in_channels, out_channels, 3, 3, stride),
        "mb6_k5": partial(mbconv, in_channels, out_channels, 5, 6, stride),
    }


ENTRY = ZooEntry(
    "nasbench-macro", nasbench_macro, (3, 32, 32), "8 layers of 3 candidates: NAS-Bench-Macro"
)
