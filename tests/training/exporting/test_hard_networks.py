"""Networks that are hard to export: a file that answers as they do, or one line and no file."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from radars.errors import RadarsError
from radars.training import TrainResult, load_trained


class Random(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x + torch.rand_like(x)


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1)
        self.second.weight = self.first.weight

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.second(self.first(x))
        return output


def compiled() -> nn.Module:
    layer = nn.Conv2d(4, 4, 1)
    layer.compile(backend="eager")
    return layer


def hooked() -> nn.Module:
    layer = nn.Conv2d(4, 4, 1)
    layer.register_forward_hook(lambda module, inputs, output: output * 2)
    return layer


HARD: dict[str, Callable[[], nn.Module]] = {
    "weight norm": lambda: parametrizations.weight_norm(nn.Conv2d(4, 4, 1)),
    "spectral norm": lambda: parametrizations.spectral_norm(nn.Conv2d(4, 4, 1)),
    "compiled": lambda: torch.compile(nn.Conv2d(4, 4, 1), backend="eager"),  # type: ignore[dict-item, return-value]
    "compiled in place": compiled,
    "scripted": lambda: torch.jit.script(nn.Conv2d(4, 4, 1)),
    "traced": lambda: torch.jit.trace(  # type: ignore[no-untyped-call]
        nn.Conv2d(4, 4, 1), torch.zeros(1, 4, 8, 8)
    ),
    "tied": Tied,
    "random": Random,
    "hooked": hooked,
}


@pytest.mark.slow
@pytest.mark.parametrize("format", ["safetensors", "torch-export", "onnx"])
@pytest.mark.parametrize("name", HARD)
@pytest.mark.filterwarnings("ignore")  # of what is deprecated in PyTorch
def test_a_layer_that_is_hard_to_export(
    completed: tuple[Path, TrainResult], name: str, format: str, tmp_path: Path
) -> None:
    layers = [nn.Conv2d(1, 4, 3), HARD[name](), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    network = nn.Sequential(*layers, nn.Linear(4, 10)).eval()
    trained = replace(load_trained(completed[0]), network=network)
    suffix = {"torch-export": "pt2"}.get(format, format)
    refusal = None
    try:
        exported = trained.export(tmp_path / f"net.{suffix}", format=format)
    except RadarsError as error:
        refusal = str(error)
    written = sorted(tmp_path.iterdir())
    if refusal is not None:
        assert len(refusal.splitlines()) == 1
        assert written == []
    else:
        assert name != "random"
        assert exported.largest_difference < 1e-4
        assert written == sorted(exported.files)
