"""Tiny spaces, tiny data and quick configurations that the tests of a search share.

Of a space there is one: what was traced of it for one test is not traced again for another.
"""

import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from radars.cost import Constraint, Cost
from radars.data import Data, DataConfig, Normalisation, SealedSplit, Split
from radars.data.in_memory import MemoryPixels
from radars.engine import (
    ControllerConfig,
    DifferentiateConfig,
    ExploreConfig,
    SearchConfig,
    SelectConfig,
)
from radars.nn.operations import classifier, conv_bn_relu, mbconv
from radars.runs.read_run import read_result
from radars.runs.state import split_state
from radars.space import Choose, Factory, Keep, SearchSpace
from radars.testing import final_state
from radars.tracking.progress import Bar, Progress
from radars.zoo import load_space

MIB = 2**20

QUICK = [
    *("--set", "explore.steps=12", "--set", "explore.tuning_steps=2"),
    *("--set", "explore.ranker_draws=4", "--set", "explore.controller.update_every=2"),
    *("--set", "differentiate.steps=4", "--set", "select.finalists=3"),
    *(
        "--set",
        "select.halving_steps=[3,5]",
        "--set",
        "num_rounds=2",
        "--set",
        "data.batch_size=16",
    ),
    *("--set", "data.num_train=200", "--budget", "8MiB"),
    *("--set", "differentiate.max_cost_ratio=null"),
]
"""Options of `radars search` on digits, where all candidates fit: to plan takes little."""


def candidates(channels: int) -> dict[str, Factory]:
    return {
        "none": nn.Identity,
        "conv3": lambda: conv_bn_relu(channels, channels, 3),
        "mb2": lambda: mbconv(channels, channels, 3, 2),
    }


def tiny_network(choose: Choose, width: int = 4) -> nn.Module:
    """27 architectures for images of 1x8x8 in 4 classes."""
    return nn.Sequential(
        conv_bn_relu(1, width),
        choose("a", candidates(width)),
        choose("b", candidates(width)),
        conv_bn_relu(width, 2 * width, stride=2),
        choose("c", candidates(2 * width)),
        classifier(2 * width, 4),
    )


def shared_network(choose: Choose) -> nn.Module:
    """Choice `a` decides two places, of different shapes."""
    return nn.Sequential(
        conv_bn_relu(1, 4),
        choose("a", candidates(4)),
        conv_bn_relu(4, 8, stride=2),
        choose("a", candidates(8)),
        choose("b", candidates(8)),
        classifier(8, 4),
    )


def overlapping_network(choose: Choose) -> nn.Module:
    """Choices among the same operation in several sizes, which can share weights."""
    blocks: dict[str, Factory] = {
        "none": nn.Identity,
        "mb2_k3": lambda: mbconv(4, 4, 3, 2),
        "mb3_k5": lambda: mbconv(4, 4, 5, 3),
        "mb2_k5_se": lambda: mbconv(4, 4, 5, 2, squeeze_excite=True),
    }
    return nn.Sequential(
        conv_bn_relu(1, 4), choose("a", blocks), choose("b", blocks), classifier(4, 4)
    )


def wide_network(choose: Choose) -> nn.Module:
    """Blocks that are much wider within than without, and can run in parts of their channels."""

    def blocks(channels: int) -> dict[str, Factory]:
        return {
            "mb8_k3": lambda: mbconv(channels, channels, 3, 8),
            "mb6_k5": lambda: mbconv(channels, channels, 5, 6),
        }

    return nn.Sequential(
        conv_bn_relu(1, 16),
        choose("a", blocks(16)),
        conv_bn_relu(16, 32, stride=2),
        choose("b", blocks(32)),
        choose("c", blocks(32)),
        classifier(32, 4),
    )


class CellNetwork(nn.Module):
    """A cell with one node, which keeps two of four edges (`cell_space`)."""

    def __init__(self, choose: Choose, width: int = 4) -> None:
        super().__init__()
        self.stem = conv_bn_relu(1, width)
        self.edges = nn.ModuleList(
            choose(
                name,
                {
                    "none": lambda: Zero(width),
                    "skip": nn.Identity,
                    "conv3": lambda: conv_bn_relu(width, width, 3),
                },
            )
            for name in "abcd"
        )
        self.head = classifier(width, 4)

    def forward(self, image_BCHW: Tensor) -> Tensor:
        feature = self.stem(image_BCHW)
        output: Tensor = self.head(sum(edge(feature) for edge in self.edges))
        return output


class PlantedNetwork(nn.Module):
    """Each choice sees one channel of the image, and a convolution alone makes sense of it."""

    def __init__(self, choose: Choose, width: int = 2) -> None:
        super().__init__()
        self.width, channels = width, 2 * width
        self.branches = nn.ModuleList(
            choose(
                name,
                {
                    "zero": lambda: Zero(channels),
                    "noise": lambda: Noise(channels),
                    "conv3": lambda: conv_bn_relu(width, channels, 3),
                },
            )
            for name in "abc"
        )
        self.linear = nn.Linear(3 * channels, 8)

    def forward(self, image_BCHW: Tensor) -> Tensor:
        channels = image_BCHW.unbind(1)
        features = [
            branch(channel[:, None].repeat(1, self.width, 1, 1)).mean((2, 3))
            for branch, channel in zip(self.branches, channels, strict=True)
        ]
        output: Tensor = self.linear(torch.cat(features, 1))
        return output


class Zero(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, image: Tensor) -> Tensor:
        return torch.zeros_like(image[:, :1]).expand(-1, self.channels, -1, -1).contiguous()


class Noise(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, image: Tensor) -> Tensor:
        return torch.randn_like(image[:, :1].expand(-1, self.channels, -1, -1).contiguous())


def sized_network(choose: Choose) -> nn.Module:
    """Values, and choices inside candidates and in a loop of a chosen length; 80 architectures.

    Widths are relaxed by masks, and so are kernels; depth and blocks over paths.
    """
    first, second = choose("first", [2, 4]), choose("second", [4, 8])
    depth = choose("depth", [1, 2])
    layers = nn.Sequential(conv_bn_relu(1, first), conv_bn_relu(first, second, stride=2))
    for index in range(depth):
        block = choose(
            f"block{index}",
            {
                "none": nn.Identity,
                "conv": partial(_sized_block, choose, f"kernel{index}", second),
                "mb2": lambda: mbconv(second, second, 3, 2),
            },
        )
        layers.add_module(f"block{index}", block)
    layers.add_module("head", classifier(second, 4))
    return layers


def _sized_block(choose: Choose, name: str, width: int) -> nn.Module:
    return conv_bn_relu(width, width, choose(name, [3, 5]))


class InterruptAt(Progress):
    """Presses Ctrl-C after some steps, counted over all phases."""

    def __init__(self, *steps: int) -> None:
        self._steps = steps
        self.num_steps = 0
        self.interrupted: list[str] = []

    @contextmanager
    def phase(
        self, description: str, total: int | None = None, completed: int = 0
    ) -> Iterator[Bar]:
        def on_change(bar: Bar) -> None:
            self.num_steps += 1
            if self.num_steps in self._steps:
                self.interrupted.append(f"{description} {bar.completed}")
                signal.raise_signal(signal.SIGINT)

        yield Bar(description, total, on_change, completed)


@cache
def tiny_space() -> SearchSpace:
    return SearchSpace(tiny_network, name="tiny", input_shape=(1, 8, 8))


@cache
def shared_space() -> SearchSpace:
    return SearchSpace(shared_network, name="shared", input_shape=(1, 8, 8))


@cache
def overlapping_space() -> SearchSpace:
    return SearchSpace(overlapping_network, name="overlapping", input_shape=(1, 8, 8))


@cache
def wide_space() -> SearchSpace:
    return SearchSpace(wide_network, name="wide", input_shape=(1, 8, 8))


@cache
def cell_space() -> SearchSpace:
    rules = [Keep(("a", "b", "c", "d"), 2)]
    return SearchSpace(CellNetwork, name="cell", input_shape=(1, 8, 8), rules=rules)


@cache
def sized_space() -> SearchSpace:
    return SearchSpace(sized_network, name="sized", input_shape=(1, 8, 8))


@cache
def planted_space() -> SearchSpace:
    return SearchSpace(PlantedNetwork, name="planted", input_shape=(3, 8, 8))


@cache
def zoo_space(name: str, **options: object) -> SearchSpace:
    return load_space(name, **options)


def _split(image_NCHW: Tensor, label_N: Tensor) -> Split:
    channels = image_NCHW.shape[1]
    return Split(
        MemoryPixels(image_NCHW),
        label_N,
        Normalisation(torch.full((channels,), 0.5), torch.full((channels,), 0.3)),
    )


def _no_test_split() -> Split:
    raise AssertionError("a search opened the test split")


def _stripes(num_examples: int, num_channels: int, seed: int) -> tuple[Tensor, Tensor]:
    """Noisy stripes, across or along in each channel; the label has one bit per channel."""
    generator = torch.Generator().manual_seed(seed)
    bit_NC = torch.randint(2, (num_examples, num_channels), generator=generator)
    phase_NC = torch.randint(2, (num_examples, num_channels), generator=generator)
    stripe_8 = (torch.arange(8) % 2)[None, None, :]
    row_NC8 = (stripe_8 + phase_NC[..., None]) % 2
    along = row_NC8[..., None, :].expand(-1, -1, 8, -1)
    across = row_NC8[..., None].expand(-1, -1, -1, 8)
    image = torch.where(bit_NC[..., None, None] == 1, along, across) * 160
    noise = torch.randint(0, 80, image.shape, generator=generator)
    label_N = (bit_NC * 2 ** torch.arange(num_channels)).sum(1)
    return (image + noise).to(torch.uint8), label_N


def _data(name: str, num_channels: int, num_classes: int, num_examples: int) -> Data:
    train, validation = (
        _split(*_stripes(num_examples, num_channels, seed=seed)) for seed in (1, 2)
    )
    if num_classes == 4:  # a second bit, from the first example's neighbour: any labels will do
        for split in (train, validation):
            split.label_N = torch.arange(len(split)) % 2 * 2 + split.label_N
    return Data(
        name=name,
        num_classes=num_classes,
        class_names=tuple(map(str, range(num_classes))),
        input_shape=(num_channels, 8, 8),
        train=train,
        validation=validation,
        test=SealedSplit(_no_test_split),
        normalisation=train.normalisation,
    )


def tiny_data() -> Data:
    """For `tiny_space`: 64 training and 64 validation images."""
    return _data("tiny", 1, 4, 64)


def planted_data() -> Data:
    """For `planted_space`: each channel tells one of the three bits of the class."""
    return _data("planted", 3, 8, 256)


def quick_config(method: str = "radars", **changes: Any) -> SearchConfig:
    """A whole search of the tiny space in about half a second: 12 steps a round, 2 rounds.

    It is saved where it is stopped and where it ends.
    """
    settings: dict[str, Any] = {
        "method": method,
        "device": "cpu",
        "budget": 16 * MIB,
        "num_rounds": 2,
        "data": DataConfig(batch_size=8),
        "explore": ExploreConfig(
            steps=8,
            tuning_steps=1,
            reward_batches=1,
            ranker_draws=4,
            controller=ControllerConfig(update_every=2),
        ),
        "differentiate": DifferentiateConfig(steps=4),
        "select": SelectConfig(finalists=3, halving_steps=(2, 3), keep=0.5),
        "children": {"number": 12, "steps": 3},
        "reinforce": {"batch": 3},
        "evolution": {"population": 4, "tournament": 2},
        "asha": {"eta": 2, "minimum_steps": 1},
        "zero_cost": {"number": 12},
        "enas": {
            "finalists": 24,
            "updates": {"warmup_fraction": 0.25, "update_every": 2, "samples": 3},
        },
        "spos": {"population": 4, "generations": 3},
        "dnas": {"steps": 32, "partial_channels": 2},
    }
    return SearchConfig.model_validate(settings | changes)


def outcome(run: Path) -> dict[str, Any]:
    """What a search found and knew in the end, without what the machine decides."""
    result = read_result(run)
    assert result is not None
    del result["search_seconds"], result["peak_rss_bytes"]
    values = final_state(run)[1]
    if result["method"] != "radars":  # which saves within a finalist, or after it
        position = values["position"]
        result |= {name: position[name] for name in ("step", "total_steps")}
        result["state"] = values["method"]
    return result


def assert_same_state(left: Mapping[str, Any], right: Mapping[str, Any]) -> None:
    """Every value and every tensor alike, bit for bit."""
    (left_tensors, left_values), (right_tensors, right_values) = map(split_state, (left, right))
    assert left_values == right_values
    assert_same_tensors(left_tensors, right_tensors)


def assert_same_tensors(left: Mapping[str, Tensor], right: Mapping[str, Tensor]) -> None:
    """Every tensor alike, bit for bit."""
    assert left.keys() == right.keys()
    different = [
        name
        for name in left
        if left[name].dtype != right[name].dtype
        or not torch.equal(_bits(left[name]), _bits(right[name]))
    ]
    assert not different


def _bits(tensor: Tensor) -> Tensor:
    return tensor.reshape(-1).contiguous().view(torch.uint8)


def within(constraint: Constraint, cost: Cost) -> bool:
    """Whether what is counted is within a bound on it."""
    return int(getattr(cost, constraint.metric)) <= constraint.limit
