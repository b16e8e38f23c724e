import json
import math
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf
from safetensors.torch import load_file
from torch import nn

from radars.data import Data, SealedSplit
from radars.errors import ConfigError, RunError, SpaceError, Stopped
from radars.reporting import RunRecord, read_directory
from radars.reporting.facts import notice
from radars.runs.directory import RunDirectory
from radars.runs.events import read_events
from radars.tracking.progress import Bar, NoProgress
from radars.training import TrainConfig, TrainResult, train_architecture, training_session
from radars.training.trained import load_trained
from radars.training.training_observer import TrainingObserver

MakeConfig = Callable[..., TrainConfig]

_KILLED = """
import os, signal, sys
from contextlib import contextmanager
from functools import partial
import torch
from radars.tracking.progress import Bar, NoProgress
from radars.training import TrainConfig, train_architecture, training_session
from radars.training.training_observer import TrainingObserver

class KillAfter(NoProgress):
    @contextmanager
    def phase(self, description, total=None, completed=0):
        def on_change(bar):
            if bar.completed == 11:
                os.kill(os.getpid(), signal.SIGKILL)
        yield Bar(description, total, on_change)

torch.set_num_threads(1)
training_session.TrainingObserver = partial(TrainingObserver, save_every_seconds=0.0)
config = TrainConfig.model_validate_json(sys.argv[2])
train_architecture({architecture}, config, out=sys.argv[1], progress=KillAfter())
"""


class InterruptAfter(NoProgress):
    """Presses Ctrl-C in the middle."""

    def __init__(self, num_steps: int) -> None:
        self._num_steps = num_steps

    @contextmanager
    def phase(
        self, description: str, total: int | None = None, completed: int = 0
    ) -> Iterator[Bar]:
        def on_change(bar: Bar) -> None:
            if bar.completed == self._num_steps:
                signal.raise_signal(signal.SIGINT)

        yield Bar(description, total, on_change, completed)


def assert_same_weights(first: nn.Module, second: nn.Module) -> None:
    expected, got = first.state_dict(), second.state_dict()
    assert expected.keys() == got.keys()
    assert all(torch.equal(expected[name], got[name]) for name in expected)


def test_what_a_training_leaves(
    architecture: dict[str, str], completed: tuple[Path, TrainResult], make_config: MakeConfig
) -> None:
    path, result = completed
    saved = json.loads((path / "result.json").read_text())
    assert saved == result.to_dict()
    head = ("schema", "status", "kind", "space", "seed", "epochs", "test_accuracy")
    assert [saved[key] for key in head] == [1, "completed", "train", "digits", 0, 2, None]
    assert saved["architecture"] == architecture
    assert saved["parameters"] == sum(p.numel() for p in result.network.parameters())
    assert saved["macs"] > saved["parameters"]
    assert saved["train_seconds"] > 0
    assert saved["input"]["shape"] == [1, 8, 8]
    assert json.loads((path / "architecture.json").read_text()) == architecture
    config = OmegaConf.to_container(OmegaConf.load(path / "config.yaml"))
    assert TrainConfig.model_validate(config) == make_config()
    names = [event["event"] for event in read_events(path / "events.jsonl")]
    assert names == ["train_started", "epoch_ended", "epoch_ended", "train_ended"]
    weights = load_file(path / "weights.safetensors")
    assert all(torch.equal(weights[k], v) for k, v in result.network.state_dict().items())
    assert list((path / "checkpoint").glob("*.safetensors"))


def test_training_learns(architecture: dict[str, str], make_config: MakeConfig) -> None:
    result = train_architecture(architecture, make_config(num_train=None, epochs=3))
    assert result.train_accuracy > 0.8  # chance is 0.1


def test_a_training_says_nothing(
    architecture: dict[str, str],
    make_config: MakeConfig,
    small_data: Data,
    capfd: pytest.CaptureFixture[str],
) -> None:
    config = make_config(epochs=1, precision="bf16-mixed")
    train_architecture(architecture, config, data=small_data)
    assert capfd.readouterr() == ("", "")


def test_the_test_split_stays_sealed(
    architecture: dict[str, str], make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SealedSplit, "open", lambda self: pytest.fail("the test split was read"))
    train_architecture(architecture, make_config(epochs=1))


def test_the_caller_keeps_its_randomness(
    architecture: dict[str, str], make_config: MakeConfig, small_data: Data
) -> None:
    before = torch.get_rng_state()
    train_architecture(architecture, make_config(epochs=1), data=small_data)
    assert torch.equal(torch.get_rng_state(), before)


def test_an_interrupted_training_goes_on_bit_for_bit(
    architecture: dict[str, str],
    make_config: MakeConfig,
    completed: tuple[Path, TrainResult],
    tmp_path: Path,
) -> None:
    out = tmp_path / "run"
    for num_steps in (3, 5):
        with pytest.raises(Stopped, match="saved"):
            train_architecture(
                architecture, make_config(), out=out, resume=num_steps > 3,
                progress=InterruptAfter(num_steps),
            )  # fmt: skip
        assert not (out / "result.json").exists()
    result = train_architecture(architecture, make_config(), out=out, resume=True)
    assert_same_weights(result.network, completed[1].network)
    assert result.train_loss == completed[1].train_loss
    epochs = [e for e in read_events(out / "events.jsonl") if e["event"] == "epoch_ended"]
    assert [event["epoch"] for event in epochs] == [1, 2]
    with pytest.raises(ConfigError, match="is completed"):
        train_architecture(architecture, make_config(), out=out, resume=True)


@pytest.mark.slow
def test_a_killed_training_goes_on_bit_for_bit(
    architecture: dict[str, str], make_config: MakeConfig, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    config = make_config(epochs=4)
    code = _KILLED.replace("{architecture}", repr(architecture))
    command = [sys.executable, "-c", code, str(out), config.model_dump_json()]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    with RunDirectory.resume(out) as run:
        assert run.resumed_step == 10
    resumed = train_architecture(architecture, config, out=out, resume=True)
    straight = train_architecture(architecture, config)
    assert_same_weights(resumed.network, straight.network)


def test_checkpoints_are_saved_while_training(
    architecture: dict[str, str],
    make_config: MakeConfig,
    small_data: Data,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        training_session, "TrainingObserver", partial(TrainingObserver, save_every_seconds=0.0)
    )
    out = tmp_path / "run"
    train_architecture(architecture, make_config(epochs=1), data=small_data, out=out)
    steps = sorted(int(p.stem) for p in (out / "checkpoint").glob("*.safetensors"))
    assert steps == [3, 4]


@pytest.mark.parametrize("rate", [1e18, 1e38])
def test_a_loss_that_is_not_finite_stops_it(
    architecture: dict[str, str],
    make_config: MakeConfig,
    small_data: Data,
    tmp_path: Path,
    rate: float,
) -> None:
    config = make_config(
        warmup_fraction=0.0, optimizer={"learning_rate": rate, "max_gradient_norm": 1e30}
    )
    out = tmp_path / "run"
    with pytest.raises(RunError, match=r"lower optimizer\.learning_rate") as caught:
        train_architecture(architecture, config, data=small_data, out=out)
    assert "\n" not in str(caught.value)
    run = read_directory(out)
    assert isinstance(run, RunRecord)
    assert (run.result["status"], run.result["reason"]) == ("failed", str(caught.value))
    assert "It trained no network" in str(notice(run))
    assert str(caught.value)[1:] in str(notice(run))
    with pytest.raises(ConfigError, match="must hold a completed training"):
        load_trained(out)
    assert not (out / "weights.safetensors").exists()
    for file in (out / "checkpoint").glob("*.safetensors"):
        assert all(tensor.isfinite().all() for tensor in load_file(file).values())


def test_no_memory_left_ends_a_training_with_one_line(
    architecture: dict[str, str],
    make_config: MakeConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def move(*arguments: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr("radars.training.loop.move", move)
    with pytest.raises(RunError, match=r"none for one of batch_size 64; lower data\.batch_size"):
        train_architecture(architecture, make_config(), out=tmp_path)
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["status"] == "failed"
    assert "batch_size 64" in result["reason"]


def test_a_resumed_training_is_the_one_that_was_started(
    architecture: dict[str, str], make_config: MakeConfig, small_data: Data, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    with pytest.raises(Stopped):
        train_architecture(architecture, make_config(), out=out, progress=InterruptAfter(2))
    with pytest.raises(ConfigError, match="seed was 0 and is now 1"):
        train_architecture(architecture, make_config(seed=1), out=out, resume=True)
    other = architecture | {"layer0": "skip"}
    with pytest.raises(ConfigError, match="layer0 was 'conv3' and is now 'skip'"):
        train_architecture(other, make_config(), out=out, resume=True)
    data = make_config().data.model_copy(update={"num_workers": 0, "in_memory_bytes": 2**24})
    changed = make_config(max_skipped_steps=50, loggers=(), data=data)
    result = train_architecture(architecture, changed, out=out, resume=True)
    assert math.isfinite(result.train_loss)


def test_nothing_is_written_for_what_is_wrong(
    architecture: dict[str, str], make_config: MakeConfig, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    with pytest.raises(SpaceError):
        train_architecture({"layer0": "conv3"}, make_config(), out=out)
    with pytest.raises(ConfigError):
        train_architecture(architecture, make_config(), out=out, resume=True)
    assert not out.exists()
