import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from radars.data import Data
from radars.errors import ConfigError
from radars.space import Choose, SearchSpace
from radars.train import TrainConfig, TrainResult, load_trained, train_architecture


@pytest.fixture
def copied(completed: tuple[Path, TrainResult], tmp_path: Path) -> Path:
    """A completed training that a test may damage."""
    return Path(shutil.copytree(completed[0], tmp_path / "copy"))


def test_outputs_are_the_same_after_loading(
    completed: tuple[Path, TrainResult], architecture: dict[str, str], small_data: Data
) -> None:
    path, result = completed
    before = torch.get_rng_state()
    trained = load_trained(path)
    assert torch.equal(torch.get_rng_state(), before)
    assert dict(trained.architecture) == architecture
    assert not trained.network.training
    for loaded, used in zip(trained.normalisation, small_data.normalisation, strict=True):
        assert torch.equal(loaded, used)
    batch = next(small_data.train.evaluation_batches(100))
    with torch.no_grad():
        assert torch.equal(trained.network(batch.example_B), result.network(batch.example_B))


def test_a_directory_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "search").mkdir()
    (tmp_path / "search" / "result.json").write_text('{"status": "completed", "method": "radars"}')
    for path in (tmp_path, tmp_path / "missing", tmp_path / "search"):
        with pytest.raises(ConfigError, match="a completed training is needed") as caught:
            load_trained(path)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.yaml", None),
        ("config.yaml", "a: [1"),
        ("config.yaml", "method: radars"),
        ("config.yaml", "- 1"),
        ("architecture.json", None),
        ("architecture.json", "{"),
        ("architecture.json", '{"layer0": "conv3"}'),
        ("weights.safetensors", None),
        ("weights.safetensors", "nothing"),
        ("result.json", '{"status": "completed", "kind": "train"}'),
        ("result.json", '{"status": "failed", "kind": "train"}'),
    ],
)
def test_a_damaged_directory_is_one_line(copied: Path, name: str, content: str | None) -> None:
    if content is None:
        (copied / name).unlink()
    else:
        (copied / name).write_text(content)
    with pytest.raises(ConfigError) as caught:
        load_trained(copied)
    assert "\n" not in str(caught.value)


def test_weights_of_another_architecture(copied: Path, architecture: dict[str, str]) -> None:
    other = json.dumps(architecture | {"layer0": "mb4_k3"})
    (copied / "architecture.json").write_text(other)
    with pytest.raises(ConfigError, match="must be those of the architecture"):
        load_trained(copied)


def test_a_space_that_was_given_in_code(
    make_config: Callable[..., TrainConfig], small_data: Data, tmp_path: Path
) -> None:
    def network(choose: Choose) -> nn.Module:
        linear = {"linear": lambda: nn.Linear(64, 10)}
        return nn.Sequential(nn.Flatten(), choose("layer", linear))

    space, out = SearchSpace(network, name="mine"), tmp_path / "run"
    train_architecture(
        {"layer": "linear"}, make_config(epochs=1), space=space, data=small_data, out=out
    )
    with pytest.raises(ConfigError, match="of the space 'mine', but got 'digits'"):
        load_trained(out)
    assert dict(load_trained(out, space=space).architecture) == {"layer": "linear"}
