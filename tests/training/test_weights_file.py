from pathlib import Path

import pytest
import torch
from torch import nn

from radars.errors import ConfigError
from radars.training.weights_file import load_weights, save_weights


def make_network(width: int = 4) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, width, 3), nn.BatchNorm2d(width), nn.ReLU())


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_weights_come_back_in_any_layout(
    tmp_path: Path, memory_format: torch.memory_format
) -> None:
    network = make_network().to(memory_format=memory_format)
    save_weights(network, tmp_path / "w.safetensors")
    other = make_network()
    load_weights(other, tmp_path / "w.safetensors")
    own = network.state_dict()
    assert all(torch.equal(tensor, own[name]) for name, tensor in other.state_dict().items())


def test_shared_weights_can_be_saved(tmp_path: Path) -> None:
    layer = nn.Linear(3, 3)
    save_weights(nn.Sequential(layer, layer), tmp_path / "w.safetensors")
    load_weights(nn.Sequential(layer, layer), tmp_path / "w.safetensors")


def test_weights_of_another_network(tmp_path: Path) -> None:
    save_weights(make_network(), tmp_path / "w.safetensors")
    for other in (make_network(5), nn.Linear(3, 3)):
        with pytest.raises(ConfigError, match="must be those of the architecture") as caught:
            load_weights(other, tmp_path / "w.safetensors")
        assert "\n" not in str(caught.value)


def test_weights_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_weights(make_network(), tmp_path / "w.safetensors")
    (tmp_path / "w.safetensors").write_bytes(b"not weights")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_weights(make_network(), tmp_path / "w.safetensors")
