import copy
import itertools
import random
from functools import partial

import pytest
import torch
from tests.tiny import zoo_space
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn.functional import cross_entropy

from radars.cost import CostTable, count_parameters
from radars.errors import ConfigError, SpaceError
from radars.memory import TrainingSpec, measure, predict
from radars.memory.predict import run_step
from radars.nn.steps import StepKind
from radars.nn.supernet import Supernet
from radars.space import Architecture, Factory, Subspace
from radars.zoo.nasbench201 import architecture_of, cell_string

SPACE = zoo_space("nasbench201")
SMALL = zoo_space("nasbench201", num_classes=4, width=4, cells_per_stage=1)
EDGES = [choice.name for choice in SPACE.choices]
CANDIDATES = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
MIXED = "|nor_conv_1x1~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|avg_pool_3x3~1|nor_conv_3x3~2|"


def alike(candidate: str) -> Architecture:
    """The architecture with one candidate at all edges."""
    return Architecture(dict.fromkeys(EDGES, candidate))


def random_architectures(count: int) -> list[Architecture]:
    rng = random.Random(0)
    return [Architecture({edge: rng.choice(CANDIDATES) for edge in EDGES}) for _ in range(count)]


def small_batch() -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    return torch.randn(16, 3, 8, 8), torch.arange(16) % 4


def test_choices() -> None:
    assert SPACE.num_architectures == 15_625
    assert {choice.candidates for choice in SPACE.choices} == {CANDIDATES}
    assert {choice.num_places for choice in SPACE.choices} == {15}
    three = zoo_space("nasbench201", cells_per_stage=3)
    assert {choice.num_places for choice in three.choices} == {9}


def test_strings_round_trip() -> None:
    architectures = {
        Architecture(dict(zip(EDGES, names, strict=True)))
        for names in itertools.product(CANDIDATES, repeat=6)
    }
    strings = {cell_string(architecture): architecture for architecture in architectures}
    assert len(strings) == 15_625
    assert all(architecture_of(cell) == known for cell, known in strings.items())


def test_a_string_gives_the_edges_into_each_node() -> None:
    architecture = architecture_of(MIXED)
    assert SPACE.full.holds(architecture)
    assert dict(architecture) == {
        "edge01": "nor_conv_1x1",
        "edge02": "none",
        "edge12": "nor_conv_3x3",
        "edge03": "skip_connect",
        "edge13": "avg_pool_3x3",
        "edge23": "nor_conv_3x3",
    }
    assert cell_string(dict(reversed(list(architecture.items())))) == MIXED


@pytest.mark.parametrize(
    "cell",
    [
        "",
        MIXED + "\n",
        MIXED[1:],
        MIXED.replace("~1", "~0"),
        MIXED.replace("none", "zero"),
        MIXED.replace("none", "NONE"),
        MIXED.replace("|+|", "+"),
        MIXED + "+" + MIXED,
        "|" * 10_000,
    ],
)
def test_strings_that_are_refused(cell: str) -> None:
    with pytest.raises(
        SpaceError, match=r"\|OP~0\|\+\|OP~0\|OP~1\|.*one of none, .*, but"
    ) as caught:
        architecture_of(cell)
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("change", [{"edge01": "zero"}, {"edge34": "none"}])
def test_architectures_that_are_refused(change: dict[str, str]) -> None:
    with pytest.raises(SpaceError, match="nasbench201 gives edge01, edge02"):
        cell_string({**alike("none"), **change})
    with pytest.raises(SpaceError, match=r"but got \{'edge01': 'none'\}"):
        cell_string({"edge01": "none"})


@pytest.mark.parametrize("option", ["num_classes", "in_channels", "width", "cells_per_stage"])
@pytest.mark.parametrize("value", [0, "3", 1.5])
def test_options_that_are_refused(option: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"option '{option}' of space 'nasbench201' is int"):
        zoo_space("nasbench201", **{option: value})


def fixed_parameters(width: int, num_classes: int) -> int:
    """Parameters of everything but the cells."""
    stem = 3 * width * 9 + 2 * width
    reductions = sum(
        (channels * 2 * channels * 9 + 2 * 2 * channels)  # the block's first convolution
        + (2 * channels * 2 * channels * 9 + 2 * 2 * channels)  # and its second
        + channels * 2 * channels  # the shortcut's
        for channels in (width, 2 * width)
    )
    return stem + reductions + 2 * 4 * width + (4 * width + 1) * num_classes


def cell_parameters(width: int, num_1x1: int, num_3x3: int) -> int:
    """Parameters of the cells, of which there is one a stage."""
    return sum(
        num_1x1 * (channels * channels + 2 * channels)
        + num_3x3 * (channels * channels * 9 + 2 * channels)
        for channels in (width, 2 * width, 4 * width)
    )


@pytest.mark.parametrize(
    ("architecture", "num_1x1", "num_3x3"),
    [
        (alike("none"), 0, 0),
        (alike("skip_connect"), 0, 0),
        (alike("avg_pool_3x3"), 0, 0),
        (alike("nor_conv_1x1"), 6, 0),
        (alike("nor_conv_3x3"), 0, 6),
        (architecture_of(MIXED), 1, 2),
    ],
)
def test_parameters(architecture: Architecture, num_1x1: int, num_3x3: int) -> None:
    with torch.device("meta"):
        network = SPACE.build(architecture)
        small = SMALL.build(architecture)
    assert count_parameters(network) == (
        fixed_parameters(16, 10) + 5 * cell_parameters(16, num_1x1, num_3x3)
    )
    assert count_parameters(small) == fixed_parameters(4, 4) + cell_parameters(4, num_1x1, num_3x3)


def test_costs_are_those_of_the_published_table() -> None:
    table = CostTable.of(SPACE)
    convolutions = table.cost(alike("nor_conv_3x3"))
    skips = table.cost(alike("skip_connect"))
    assert convolutions.parameters == 1_531_546
    assert skips.parameters == 73_306
    # the published 220.11969M also count the biases of 10 classes
    assert convolutions.macs == 220_119_690 - 10
    # stem; two reductions, which cost the same; classifier
    stem = 3 * 16 * 9 * 32**2
    reduction = (16 * 32 * 9 + 32 * 32 * 9 + 16 * 32) * 16**2
    assert skips.macs == stem + 2 * reduction + 64 * 10 == 7_783_040


class Zero(nn.Module):
    def forward(self, image: Tensor) -> Tensor:
        return image.mul(0.0)


def relu_conv_bn(in_channels: int, out_channels: int, kernel_size: int, stride: int) -> nn.Module:
    padding = kernel_size // 2
    return nn.Sequential(
        nn.ReLU(inplace=False),
        nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, bias=False),
        nn.BatchNorm2d(out_channels),
    )


def reference_operation(name: str, channels: int) -> nn.Module:
    operations: dict[str, Factory] = {
        "none": Zero,
        "skip_connect": nn.Identity,
        "nor_conv_1x1": lambda: relu_conv_bn(channels, channels, 1, 1),
        "nor_conv_3x3": lambda: relu_conv_bn(channels, channels, 3, 1),
        "avg_pool_3x3": lambda: nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False),
    }
    return operations[name]()


class ReferenceCell(nn.Module):
    def __init__(self, architecture: Architecture, channels: int) -> None:
        super().__init__()
        self.operations = nn.ModuleList(
            reference_operation(architecture[f"edge{source}{target}"], channels)
            for target in (1, 2, 3)
            for source in range(target)
        )

    def forward(self, image: Tensor) -> Tensor:
        op01, op02, op12, op03, op13, op23 = self.operations
        node1 = op01(image)
        node2 = op02(image) + op12(node1)
        output: Tensor = op03(image) + op13(node1) + op23(node2)
        return output


class ReferenceBlock(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_a = relu_conv_bn(channels, 2 * channels, 3, 2)
        self.conv_b = relu_conv_bn(2 * channels, 2 * channels, 3, 1)
        self.downsample = nn.Sequential(
            nn.AvgPool2d(kernel_size=2, stride=2, padding=0),
            nn.Conv2d(channels, 2 * channels, kernel_size=1, bias=False),
        )

    def forward(self, image: Tensor) -> Tensor:
        output: Tensor = self.downsample(image) + self.conv_b(self.conv_a(image))
        return output


class ReferenceNetwork(nn.Module):
    """As the authors' `TinyNetwork`."""

    def __init__(self, architecture: Architecture, width: int, num_cells: int, num_classes: int):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, width, kernel_size=3, padding=1, bias=False), nn.BatchNorm2d(width)
        )
        self.cells = nn.ModuleList()
        for channels in (width, 2 * width, 4 * width):
            self.cells.extend(ReferenceCell(architecture, channels) for _ in range(num_cells))
            if channels < 4 * width:
                self.cells.append(ReferenceBlock(channels))
        self.lastact = nn.Sequential(nn.BatchNorm2d(4 * width), nn.ReLU(inplace=True))
        self.global_pooling = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(4 * width, num_classes)

    def forward(self, image: Tensor) -> Tensor:
        feature = self.stem(image)
        for cell in self.cells:
            feature = cell(feature)
        pooled = self.global_pooling(self.lastact(feature))
        output: Tensor = self.classifier(pooled.view(pooled.size(0), -1))
        return output


@pytest.mark.parametrize(
    "architecture", [alike("none"), architecture_of(MIXED), *random_architectures(6)]
)
def test_a_network_computes_what_the_published_one_does(architecture: Architecture) -> None:
    space = zoo_space("nasbench201", num_classes=4, width=4, cells_per_stage=2)
    network = space.build(architecture)
    reference = ReferenceNetwork(architecture, 4, 2, 4)
    weights = network.state_dict().values()
    reference.load_state_dict(dict(zip(reference.state_dict(), weights, strict=True)))
    image, label = small_batch()
    for model in (network, reference):
        cross_entropy(model(image), label).backward()  # type: ignore[no-untyped-call]
    torch.testing.assert_close(network(image), reference(image), rtol=0, atol=0)
    pairs = zip(network.parameters(), reference.parameters(), strict=True)
    for ours, theirs in pairs:
        assert theirs.grad is not None
        ours_grad = torch.zeros_like(ours) if ours.grad is None else ours.grad
        torch.testing.assert_close(ours_grad, theirs.grad)
    torch.testing.assert_close(network.eval()(image), reference.eval()(image), rtol=0, atol=0)


def test_a_network_learns() -> None:
    network = SMALL.build(architecture_of(MIXED))
    image, label = small_batch()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9)
    losses = []
    for _ in range(15):
        loss = cross_entropy(network(image), label)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_none_returns_zeros_and_passes_no_gradient() -> None:
    with_one = Architecture({**alike("none"), "edge03": "skip_connect"})
    for architecture, passes in [(alike("none"), False), (with_one, True)]:
        network = SMALL.build(architecture)
        stem, cell = list(network.children())[:2]
        image = torch.randn(2, 3, 8, 8)
        feature = stem(image)
        assert torch.equal(cell(feature), feature if passes else torch.zeros_like(feature))
        assert cell(feature).requires_grad == passes
        network(image).sum().backward()
        gradients = [parameter.grad for parameter in stem.parameters()]
        assert all((gradient is not None) == passes for gradient in gradients)


@pytest.mark.parametrize("architecture", [alike("none"), architecture_of(MIXED)], ids=cell_string)
def test_a_network_runs_without_values(architecture: Architecture) -> None:
    with FakeTensorMode():
        assert SMALL.build(architecture)(torch.empty(2, 3, 8, 8)).shape == (2, 4)
    with torch.device("meta"):
        assert SMALL.build(architecture)(torch.empty(2, 3, 8, 8)).shape == (2, 4)


@pytest.mark.parametrize("size", [(9, 9), (7, 10), (1, 1)])
def test_images_of_odd_sizes(size: tuple[int, int]) -> None:
    assert SMALL.build(architecture_of(MIXED)).eval()(torch.randn(2, 3, *size)).shape == (2, 4)


def test_a_network_can_be_copied_and_exported() -> None:
    network = SMALL.build(architecture_of(MIXED)).eval()
    image, _ = small_batch()
    expected = network(image)
    assert torch.equal(copy.deepcopy(network)(image), expected)
    exported = torch.export.export(network, (image,)).module()
    torch.testing.assert_close(exported(image), expected)


@pytest.mark.parametrize(
    "subspace",
    [
        SMALL.full,
        Subspace(dict.fromkeys(EDGES, ("none", "nor_conv_3x3"))),
        alike("none").as_subspace(),
        alike("nor_conv_3x3").as_subspace(),
        architecture_of(MIXED).as_subspace(),
    ],
    ids=["supernet", "subspace", "none", "largest", "mixed"],
)
def test_a_prediction_is_what_is_measured(subspace: Subspace) -> None:
    spec = TrainingSpec((3, 8, 8), 16)
    is_path = subspace.num_architectures == 1
    kinds = (StepKind.WEIGHTS,) if is_path else (StepKind.WEIGHTS, StepKind.ARCHITECTURE)
    supernet = Supernet(SMALL, subspace)
    image, label = small_batch()
    batch = (image.contiguous(memory_format=torch.channels_last), label)
    steps = [partial(run_step, kind, supernet, batch) for kind in kinds]
    for step in steps:
        step()
    peaks = [measure(step, supernet, batch)[1] for step in steps]
    predicted = predict(SMALL, subspace, spec)
    assert predicted.peak_bytes == pytest.approx(max(peaks), rel=0.02)
