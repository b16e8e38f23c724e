"""What the convolutional spaces have in common: stages of searchable layers, and their candidates.

Every module here is of torch or torchvision: a built network holds nothing of radars.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from itertools import product
from typing import NamedTuple

from torch import nn

from radars.nn.operations import classifier, conv_bn_relu, mbconv, skip
from radars.space import Choose, Factory

LayerCandidates = Callable[[int, int, int], Mapping[str, Factory]]
"""The candidates of one layer, from its input channels, output channels and stride."""

HEAD_CHANNELS = 1280


class Stage(NamedTuple):
    """Layers with one number of output channels; the first has the stride, the others 1."""

    out_channels: int
    num_layers: int
    stride: int


def searchable_layers(
    choose: Choose, candidates: LayerCandidates, in_channels: int, stages: Iterable[Stage]
) -> list[nn.Module]:
    """The layers of all stages in order, each a choice named `layer0`, `layer1`, ..."""
    layers: list[nn.Module] = []
    for stage in stages:
        for index in range(stage.num_layers):
            stride = stage.stride if index == 0 else 1
            options = candidates(in_channels, stage.out_channels, stride)
            layers.append(choose(f"layer{len(layers)}", options))
            in_channels = stage.out_channels
    return layers


def mbconv_candidates(
    kernel_sizes: Iterable[int],
    expand_ratios: Iterable[int],
    squeeze_excite: Iterable[bool] = (False,),
) -> LayerCandidates:
    """`skip`, and an MBConv for every combination, named like `mb4_k5` and `mb4_k5_se`."""
    combinations = list(product(expand_ratios, kernel_sizes, squeeze_excite))

    def candidates(in_channels: int, out_channels: int, stride: int) -> dict[str, Factory]:
        factories: dict[str, Factory] = {"skip": partial(skip, in_channels, out_channels, stride)}
        for expand_ratio, kernel_size, se in combinations:
            name = f"mb{expand_ratio}_k{kernel_size}" + "_se" * se
            factories[name] = partial(
                mbconv,
                in_channels,
                out_channels,
                kernel_size,
                expand_ratio,
                stride,
                squeeze_excite=se,
            )
        return factories

    return candidates


def cifar_network(
    choose: Choose,
    candidates: LayerCandidates,
    *,
    num_classes: int,
    in_channels: int,
    width: int,
) -> nn.Module:
    """The macro-structure of NAS-Bench-Macro: 8 layers in 3 stages for images of 32x32."""
    stages = [Stage(2 * width, 2, 2), Stage(4 * width, 3, 2), Stage(8 * width, 3, 2)]
    return nn.Sequential(
        conv_bn_relu(in_channels, width),
        *searchable_layers(choose, candidates, width, stages),
        conv_bn_relu(8 * width, HEAD_CHANNELS, kernel_size=1),
        classifier(HEAD_CHANNELS, num_classes),
    )


def scaled(channels: int, width_mult: float) -> int:
    """The nearest multiple of 8, never more than a tenth below (as MobileNet implementations)."""
    scaled = channels * width_mult
    nearest = max(8, int(scaled + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * scaled else nearest
