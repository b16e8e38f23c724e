"""Several processes that train one network: gloo on the CPU."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file

from radars.data import Data
from radars.errors import ConfigError
from radars.runs.events import read_events
from radars.training import TrainConfig, TrainResult, train_architecture
from radars.training.weights_file import WEIGHTS_NAME

ROOT = Path(__file__).parents[2]

# without BatchNorm, which sees the part of its process, and with weights that no step needs
_SPACE = """
from torch import nn


class Net(nn.Module):
    def __init__(self, choose):
        super().__init__()
        convolution = {"conv3": lambda: nn.Conv2d(1, 8, 3, bias=False)}
        self.body = nn.Sequential(choose("layer", convolution), nn.GroupNorm(2, 8), nn.ReLU())
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(8 * 36, 10))
        self.unused = nn.Linear(3, 3)

    def forward(self, x):
        return self.head(self.body(x))
"""


@pytest.mark.slow
def test_two_processes_train_as_one(
    make_config: Callable[..., TrainConfig], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "net.py").write_text(_SPACE)

    def trained(devices: int) -> tuple[TrainResult, list[float]]:
        out = tmp_path / f"run{devices}"
        config = make_config(
            space=f"{tmp_path / 'net.py'}:Net", devices=devices, epochs=3, ema_decay=0.9,
            rand_augment_ops=1, held_out_fraction=0.25, optimizer={"learning_rate": 0.05},
        )  # fmt: skip
        result = train_architecture({"layer": "conv3"}, config, out=out)
        assert json.loads((out / "result.json").read_text()) == result.to_dict()
        events = read_events(out / "events.jsonl")
        return result, [e["train_loss"] for e in events if e["event"] == "epoch_ended"]

    two, two_curve = trained(2)
    assert capfd.readouterr() == ("", "")
    one, one_curve = trained(1)
    assert len(one_curve) == 3
    assert one_curve[0] > one_curve[-1]
    assert two_curve == pytest.approx(one_curve, rel=1e-4)
    weights = two.network.state_dict()
    for name, tensor in one.network.state_dict().items():
        assert torch.allclose(weights[name], tensor, atol=1e-4), name
    assert two.validation_accuracy == pytest.approx(one.validation_accuracy, abs=0.02)
    assert sorted(p.name for p in (tmp_path / "run2").iterdir()) == sorted(
        p.name for p in (tmp_path / "run1").iterdir()
    )


# what is registered when the script is imported is known in each process
_SEVERAL = """
import sys
from pathlib import Path

from tests.test_several_inputs import FORMS, Items

from radars.registries import DATA_SOURCES
from radars.training import TrainConfig, train_architecture

for form, example_N in FORMS.items():
    DATA_SOURCES.register(f"several-{form}", lambda n=example_N: {"train": Items(n)})

if __name__ == "__main__":
    space, out = sys.argv[1], Path(sys.argv[2])
    for form in FORMS:
        for devices in (1, 2):
            data = {"source": f"several-{form}", "batch_size": 16}
            config = TrainConfig(space=space, data=data, epochs=2, device="cpu", devices=devices)
            linear = {"of_image": "linear", "of_ids": "linear"}
            train_architecture(linear, config, out=out / f"{form}{devices}")
"""


@pytest.mark.slow
def test_two_processes_train_on_several_inputs_as_one(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(_SEVERAL)
    space = f"{ROOT / 'tests' / 'test_several_inputs.py'}:Net"
    env = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(script), space, str(tmp_path)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=600)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    for form in ("tuple", "dict"):
        one, two = (load_file(tmp_path / f"{form}{n}" / WEIGHTS_NAME) for n in (1, 2))
        assert one.keys() == two.keys()
        for name, tensor in one.items():
            assert torch.allclose(two[name], tensor, atol=1e-4), name


def test_objects_cannot_be_shared(
    make_config: Callable[..., TrainConfig], architecture: dict[str, str], small_data: Data
) -> None:
    with pytest.raises(ConfigError, match="configuration must name them"):
        train_architecture(architecture, make_config(devices=2), data=small_data)


def test_devices_divide_a_batch(make_config: Callable[..., TrainConfig]) -> None:
    with pytest.raises(ValidationError, match=r"divide data\.batch_size"):
        make_config(devices=3)
    with pytest.raises(ValidationError, match="leave out the number"):
        make_config(devices=2, device="cuda:1")
