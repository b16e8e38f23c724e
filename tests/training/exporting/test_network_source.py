from collections import OrderedDict
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from radars.errors import SpaceError
from radars.space import SearchSpace
from radars.training.exporting.network_source import NetworkSource
from radars.zoo import ZooEntry, zoo

SMALL: dict[str, dict[str, Any]] = {
    "digits": {"width": 4}, "nasbench-macro": {"width": 4}, "cifar-large": {"width": 4},
    "nasbench201": {"width": 4, "cells_per_stage": 1},
    "darts": {"width": 4, "num_cells": 3}, "resnet": {"width": 4, "blocks_per_stage": 1},
    "vit": {"width": 8, "depth": 2},
    "mobile": {"width_mult": 0.1}, "mobile-large": {"width_mult": 0.1},
    "ofa-mobile": {"width_mult": 0.1}, "nats-size": {"width": 2},
    "mobile-elastic": {"width_mult": 0.1}, "resnet-elastic": {"width_mult": 0.1},
    "vit-elastic": {"width": 24, "depth": 1, "image_size": 32},
}  # fmt: skip

LONG = ("ofa-mobile", "mobile-elastic", "resnet-elastic")


def built(network: nn.Module) -> nn.Module:
    """The network that the source of another one builds, with its weights."""
    source = NetworkSource(network)
    lines = ["import torch", "from torch import Tensor, nn", *source.imports]
    code = "\n".join([*lines, *source.classes.values(), f"network = {source.expression.render()}"])
    assert "radars" not in code.replace("# radars", "")
    names: dict[str, nn.Module] = {"__name__": "written"}  # type: ignore[dict-item]
    exec(compile(code, "written.py", "exec"), names)
    names["network"].load_state_dict(network.state_dict())
    return names["network"].eval()


@torch.no_grad()
def assert_same(network: nn.Module, *shape: int) -> nn.Module:
    for module in network.modules():  # fresh statistics would hide a difference
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight)
            assert module.running_mean is not None
            nn.init.uniform_(module.running_mean)
    example, again = torch.randn(2, *shape), built(network.eval())
    assert torch.allclose(again(example), network(example), atol=1e-6)
    assert not any(type(m).__module__.startswith("radars") for m in again.modules())
    return again


@pytest.mark.parametrize(
    "entry",
    [  # some of them take long to trace
        pytest.param(entry, marks=[pytest.mark.slow] if entry.name in LONG else [])
        for entry in zoo()
    ],
    ids=lambda entry: entry.name,
)
@pytest.mark.parametrize("first", [0, 2])
def test_networks_of_the_zoo(entry: ZooEntry, first: int) -> None:
    space = SearchSpace(partial(entry.network, **SMALL[entry.name]))
    architecture = {
        choice.name: choice.candidates[(first + index) % len(choice.candidates)]
        for index, choice in enumerate(space.choices)
    }
    assert_same(space.build(space.made(architecture)), entry.input_shape[0], 32, 32)


class Scaled(nn.Module):
    """Tensors of its own, of each kind, and a number."""

    table: Tensor
    offset: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.rand(channels, 1, 1))
        self.register_buffer("table", torch.rand(channels, 1, 1))
        self.register_buffer("offset", torch.tensor([0.25]), persistent=False)
        self.ceiling = torch.tensor(0.75)
        self.power = 3

    def forward(self, input: Tensor) -> Tensor:
        bounded = torch.minimum(input * self.gamma, self.ceiling)
        return F.silu(bounded + self.table**self.power) - self.offset


class Residual(nn.Module):
    def __init__(self, channels: int, depth: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv2d(channels, channels, 1) for _ in range(depth))
        self.by_name = nn.ModuleDict({"act": nn.GELU("tanh"), "norm": nn.GroupNorm(2, channels)})
        self.shortcut: nn.Module | None = None

    def forward(self, x: Tensor, scale: float = 0.5) -> Tensor:
        total = x
        for layer in self.layers:
            total = total + self.by_name["act"](layer(self.by_name["norm"](x))) * scale
        return total if self.shortcut is None else self.shortcut(total)


class OwnConv(nn.Conv2d):
    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input).clamp(max=float("inf"))


class Attention(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(width, 2, batch_first=True, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        tokens = x.flatten(2).transpose(1, 2)
        output: Tensor = self.attention(tokens, tokens, tokens, need_weights=False)[0]
        return output


def test_networks_of_users() -> None:
    network = nn.Sequential(OrderedDict([
        ("stem", OwnConv(3, 4, 3, padding="same", stride=1, padding_mode="reflect")),
        ("wide", nn.Conv2d(4, 4, (3, 5), padding=(1, 2), groups=2)),
        ("scaled", Scaled(4)), ("scaled again", Scaled(4)),
        ("one", Residual(4, 1)), ("two", Residual(4, 2)),
        ("pool", nn.AvgPool2d(2, ceil_mode=True)), ("attention", Attention(4)),
        ("norm", nn.LayerNorm([4], elementwise_affine=False)), ("drop", nn.Dropout(0.3)),
    ]))  # fmt: skip
    again = assert_same(network, 3, 6, 6)
    assert isinstance(again, nn.Sequential)
    assert [name for name, _ in again.named_modules()] == [n for n, _ in network.named_modules()]
    kinds = [type(module).__name__ for module in again]
    assert kinds[2:6] == [
        "Scaled",
        "Scaled",
        "Residual",
        "Residual2",
    ]  # one class for what is alike
    assert isinstance(again[-1], nn.Dropout)
    assert again[-1].p == 0.3


class Decides(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x if x.sum() > 0 else -x


class Tabulated(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table = torch.rand(1000)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.table


@pytest.mark.parametrize(
    ("network", "rule"), [(Decides(), "depends on values"), (Tabulated(), "has 1000")]
)
def test_what_cannot_be_written_down(network: nn.Module, rule: str) -> None:
    with pytest.raises(SpaceError, match=rule) as caught:
        NetworkSource(nn.Sequential(nn.ReLU(), network))
    assert "torch-export" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_writing_down_changes_nothing() -> None:
    network = nn.Sequential(Scaled(3))
    before = list(vars(network[0]))
    NetworkSource(network)
    assert list(vars(network[0])) == before
