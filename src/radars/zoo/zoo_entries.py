"""The ready-made search spaces."""

from dataclasses import dataclass

from radars.space import Keep
from radars.zoo.cifar_large import cifar_large
from radars.zoo.darts_cells import darts, darts_rules
from radars.zoo.digits import digits
from radars.zoo.mobile import mobile, mobile_large
from radars.zoo.nasbench201 import nasbench201
from radars.zoo.nasbench_macro import nasbench_macro
from radars.zoo.resnet import resnet
from radars.zoo.space_options import NetworkWithOptions
from radars.zoo.vit import vit


@dataclass(frozen=True)
class ZooEntry:
    """A ready-made search space.

    Attributes:
        name: what it is loaded by.
        network: the function of `choose`, and of options, that builds it.
        input_shape: the shape of one example, without the batch, where no option changes it.
        summary: one line for people.
        rules: what every architecture of it keeps.
    """

    name: str
    network: NetworkWithOptions
    input_shape: tuple[int, ...]
    summary: str
    rules: tuple[Keep, ...] = ()


_ZOO = (
    ZooEntry("digits", digits, (1, 8, 8), "5 layers of 4 candidates for 8x8 digits: the default"),
    ZooEntry(
        "nasbench-macro", nasbench_macro, (3, 32, 32), "8 layers of 3 candidates: NAS-Bench-Macro"
    ),
    ZooEntry(
        "nasbench201", nasbench201, (3, 32, 32), "cells of 6 edges of 5 candidates: NAS-Bench-201"
    ),
    ZooEntry(
        "darts",
        darts,
        (3, 32, 32),
        "cells of 14 edges of 8 candidates, two kept a node: DARTS",
        darts_rules(),
    ),
    ZooEntry("cifar-large", cifar_large, (3, 32, 32), "8 layers of 25 MBConv candidates"),
    ZooEntry("resnet", resnet, (3, 32, 32), "12 bottleneck blocks of up to 19 candidates"),
    ZooEntry("vit", vit, (3, 32, 32), "8 transformer layers: 6 mixers, 4 MLPs each"),
    ZooEntry("mobile", mobile, (3, 224, 224), "21 layers of 7 MBConv candidates: ProxylessNAS"),
    ZooEntry("mobile-large", mobile_large, (3, 224, 224), "21 layers of 49 MBConv candidates"),
)


def zoo() -> tuple[ZooEntry, ...]:
    """The ready-made search spaces."""
    return _ZOO
