import hashlib
import json
import math
import os
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf
from pydantic import BaseModel
from safetensors.torch import save_file
from tests.full_disk import full_for

from radars.errors import ConfigError, RunError
from radars.runs.directory import RunDirectory, new_run
from radars.runs.event_schema import ChildEvent, Event, PhaseStartedEvent
from radars.runs.events import EventLog, read_events
from radars.runs.file_names import EVENTS_NAME
from radars.runs.identity_file import known_identity
from radars.runs.lock import DirectoryLock
from radars.runs.own_files import check_no_file_of_a_run
from radars.runs.read_run import read_result

CONFIG = {"method": "radars", "budget_bytes": 2**28, "options": {"rates": [0.1, 1e-5], "x": None}}


def at_step(step: int) -> Event:
    return PhaseStartedEvent(step=step)


def names(run: RunDirectory) -> list[str]:
    return [event["event"] for event in read_events(run.path / EVENTS_NAME)]


def test_a_run_from_start_to_result(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "first"
    with RunDirectory.create(path, CONFIG) as run:
        assert run.config == CONFIG
        assert run.resumed_step is None
        assert run.latest() is None
        run.log(ChildEvent(architecture={"block0": "conv3"}, accuracy=math.nan))
        run.save(1, {"x": torch.ones(2), "round": 1})
        run.write_architecture({"block0": "conv3"})
        run.write_result({"status": "completed", "accuracy": math.nan})
        assert run.tensorboard_path == path / "tensorboard"
    assert json.loads((path / "architecture.json").read_text()) == {"block0": "conv3"}
    assert read_result(path) == {"status": "completed", "accuracy": None}
    assert OmegaConf.to_container(OmegaConf.load(path / "config.yaml")) == CONFIG
    assert {p.name for p in path.iterdir()} == {
        "config.yaml", "events.jsonl", "checkpoint", "architecture.json", "result.json", "lock",
    }  # fmt: skip
    with pytest.raises(ConfigError, match="is completed"):
        RunDirectory.resume(path)


def test_events_after_the_checkpoint_are_told_once(tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path, CONFIG) as run:
        run.log(at_step(1))
        run.save(1, {"x": torch.ones(2), "step": 1})
        run.log(at_step(2))
        run.write_result({"status": "failed"})
    with (tmp_path / "events.jsonl").open("ab") as file:
        file.write(b'{"time": 1, "ev')  # as a SIGKILL may leave it
    with RunDirectory.resume(tmp_path) as run:
        assert run.config == CONFIG
        assert run.resumed_step == 1
        assert read_result(tmp_path) is None
        checkpoint = run.latest()
        assert checkpoint is not None
        assert checkpoint.state["step"] == 1
        run.log(at_step(2))
        assert names(run) == ["phase_started", "resumed", "phase_started"]
        assert [event.get("step") for event in read_events(run.path / EVENTS_NAME)] == [1, 1, 2]


def test_without_a_checkpoint_all_is_redone(tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path, CONFIG) as run:
        run.log(at_step(1))
    with RunDirectory.resume(tmp_path) as run:
        assert run.resumed_step is None
        assert names(run) == ["resumed"]


def test_the_one_before_a_damaged_checkpoint(tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path, CONFIG) as run:
        for step in (1, 2):
            run.log(at_step(step))
            run.save(step, {})
    (tmp_path / "checkpoint" / "00000002.safetensors").write_bytes(b"x")
    with RunDirectory.resume(tmp_path) as run:
        assert run.resumed_step == 1
        assert [event.kind for event in run.resume_events] == ["checkpoint_damaged", "resumed"]
        assert [event.get("step") for event in read_events(run.path / EVENTS_NAME)] == [1, 2, 1]
        assert names(run) == ["phase_started", "checkpoint_damaged", "resumed"]
    (tmp_path / "checkpoint" / "00000001.safetensors").write_bytes(b"x")
    before = (tmp_path / "events.jsonl").read_bytes()
    with pytest.raises(RunError, match="are damaged"):
        RunDirectory.resume(tmp_path)
    assert (tmp_path / "events.jsonl").read_bytes() == before
    with pytest.raises(RunError, match="are damaged"):  # not "in use"
        RunDirectory.resume(tmp_path)


def test_what_a_killed_process_left_is_gone_before_anything_is_written(tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path, CONFIG) as run:
        run.save(1, {})
        leftovers = [
            tmp_path / ".result.json.abc.tmp",
            tmp_path / "checkpoint" / ".00000002.safetensors.abc.tmp",
            run.weights_path / "abc.safetensors",
        ]
    for leftover in leftovers:
        leftover.parent.mkdir(exist_ok=True)
        leftover.touch()
    with (
        full_for("events.jsonl"),
        pytest.raises(RunError, match=r"cannot write .*events\.jsonl"),
    ):
        RunDirectory.resume(tmp_path)
    assert not [leftover for leftover in leftovers if leftover.exists()]
    assert not (tmp_path / "weights").exists()
    with RunDirectory.resume(tmp_path) as run:
        assert run.resumed_step == 1


def test_nothing_to_resume(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(ConfigError, match="leave out --resume"):
            RunDirectory.resume(path)
    assert list(tmp_path.iterdir()) == []


def test_an_old_run_is_never_overwritten(tmp_path: Path) -> None:
    RunDirectory.create(tmp_path, CONFIG).close()
    before = (tmp_path / "config.yaml").read_bytes()
    with pytest.raises(ConfigError, match=r"holds a run; continue it with --resume") as caught:
        RunDirectory.create(tmp_path, {})
    assert "\n" not in str(caught.value)
    assert (tmp_path / "config.yaml").read_bytes() == before


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(ConfigError, match=r"holds thesis\.tex; choose another --out"):
        RunDirectory.create(tmp_path, CONFIG)
    with pytest.raises(ConfigError, match="is a file"):
        RunDirectory.create(tmp_path / "thesis.tex", CONFIG)
    with pytest.raises(ConfigError, match="cannot make"):
        RunDirectory.create(tmp_path / "thesis.tex" / "run", CONFIG)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_start_that_was_killed_does_not_block_the_next(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("1")
    (tmp_path / ".config.yaml.abc.tmp").write_text("meth")
    RunDirectory.create(tmp_path, CONFIG).close()


def test_in_use(tmp_path: Path) -> None:
    with (
        RunDirectory.create(tmp_path, CONFIG),
        pytest.raises(RunError, match=f"in use by process {os.getpid()}"),
    ):
        RunDirectory.resume(tmp_path)
    RunDirectory.resume(tmp_path).close()


@pytest.mark.parametrize(
    "config", [{"x": object()}, {1: 2}, {"x": math.nan, "y": {"z"}}, {"x": "${"}]
)
def test_a_config_that_is_not_plain_leaves_nothing(tmp_path: Path, config: Any) -> None:
    with pytest.raises(ConfigError, match="plain YAML") as caught:
        RunDirectory.create(tmp_path / "a" / "b", config)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_without_room_for_a_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "mkdir", full)
    with pytest.raises(RunError, match=r"cannot write .*run: No space left on device; free"):
        RunDirectory.create(tmp_path / "run", CONFIG)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_start_that_fails_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, error: BaseException
) -> None:
    def fail(*args: object) -> None:
        raise error

    owner: Any = os if call == "fsync" else Path
    monkeypatch.setattr(owner, call, fail)
    with pytest.raises(RunError if isinstance(error, OSError) else KeyboardInterrupt):
        RunDirectory.create(tmp_path / "a" / "b", CONFIG)
    monkeypatch.undo()
    assert list(tmp_path.iterdir()) == []


def test_a_faster_process_keeps_its_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run"

    def lock_late(path: Path) -> DirectoryLock:
        monkeypatch.undo()
        RunDirectory.create(path, CONFIG).close()
        return DirectoryLock(path)

    monkeypatch.setattr("radars.runs.directory.DirectoryLock", lock_late)
    with pytest.raises(ConfigError, match="holds a run"):
        RunDirectory.create(path, {})
    with RunDirectory.resume(path) as run:
        assert run.config == CONFIG


def test_a_config_tag_runs_no_code(tmp_path: Path) -> None:
    RunDirectory.create(tmp_path, CONFIG).close()
    marker = tmp_path / "marker"
    text = f"x: !!python/object/apply:os.mkdir ['{marker}']\n"
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"config\.yaml cannot be read"):
        RunDirectory.resume(tmp_path)
    assert not marker.exists()


def test_a_damaged_result(tmp_path: Path) -> None:
    assert read_result(tmp_path) is None
    (tmp_path / "result.json").write_text("[]")
    with pytest.raises(ConfigError, match="JSON object"):
        read_result(tmp_path)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.sampled_from(["1e-3", "1_000", "0x1", "yes", "null", "~", "12:30", "2020-01-01", "a: b"])
    | st.text(st.characters(codec="utf-8", exclude_characters="$")),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc-1"), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(config=st.dictionaries(st.text("abc1_"), VALUES, max_size=3))
def test_any_plain_config_comes_back(
    tmp_path_factory: pytest.TempPathFactory, config: dict[str, Any]
) -> None:
    path = tmp_path_factory.mktemp("run")
    with RunDirectory.create(path, config) as run:
        assert run.config == config
    with RunDirectory.resume(path) as run:
        assert run.config == config


def test_a_run_of_the_first_version_is_refused_before_anything_is_touched(tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path, CONFIG) as run:
        run.log(at_step(1))
        run.write_result({"status": "failed"})
    checkpoint = tmp_path / "checkpoint" / "00000001.safetensors"
    checkpoint.parent.mkdir()
    values = json.dumps({"values": {"step": 1}, "events_bytes": 0})
    save_file({"x": torch.ones(2)}, checkpoint, {"values": values, "layouts": "{}"})
    checksum = hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    checkpoint.with_suffix(".sha256").write_text(f"{checksum}  {checkpoint.name}\n")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(RunError, match="continue with the version that began the run") as caught:
        RunDirectory.resume(tmp_path)
    assert "\n" not in str(caught.value)
    after = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert after == before


@pytest.mark.parametrize(
    "name",
    ["events.jsonl", "lock", "checkpoint", "tensorboard", "weights", "result.json"],
)
@pytest.mark.parametrize("is_new", [True, False])
def test_a_run_writes_nowhere_else(tmp_path: Path, name: str, is_new: bool) -> None:
    outside, path = tmp_path / "outside", tmp_path / "run"
    outside.mkdir()
    (outside / "mine").write_text("mine")
    if is_new:
        path.mkdir()
    else:
        RunDirectory.create(path, CONFIG).close()
        (path / name).unlink(missing_ok=True)
    is_folder = name in ("checkpoint", "tensorboard", "weights")
    (path / name).symlink_to(outside if is_folder else outside / "mine")
    new, old = partial(RunDirectory.create, path, CONFIG), partial(RunDirectory.resume, path)
    with pytest.raises(ConfigError, match="is a link"):
        (new if is_new else old)()
    assert [file.name for file in outside.iterdir()] == ["mine"]
    assert (outside / "mine").read_text() == "mine"


def test_events_are_not_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "events.jsonl").symlink_to(tmp_path / "mine")
    with pytest.raises(RunError):
        EventLog(tmp_path / "events.jsonl")
    assert (tmp_path / "mine").read_text() == "mine"


@pytest.mark.parametrize(
    "name",
    ["config.yaml", "result.json", "events.jsonl", "events.3.jsonl", "weights.safetensors",
     "checkpoint/00000001.safetensors", "../link", "lost.jsonl", "error.txt", "mlflow_run",
     "wandb_run"],
)  # fmt: skip
def test_reports_and_exports_are_not_written_over_a_run(tmp_path: Path, name: str) -> None:
    path = tmp_path / "run"
    RunDirectory.create(path, CONFIG).close()
    (tmp_path / "link").symlink_to(path / "config.yaml")
    with pytest.raises(ConfigError, match="belongs to the run there"):
        check_no_file_of_a_run(path / name)
    for other in (path / "report.html", path / "net.onnx", path / "exports" / "net.pt2"):
        check_no_file_of_a_run(other)


def test_a_run_that_cannot_begin_leaves_nothing(tmp_path: Path) -> None:
    class Settings(BaseModel):
        seed: int = 0

    def start(*, begins: bool) -> None:
        with new_run(Settings(), out) as run:
            assert run is not None
            assert (out / "config.yaml").is_file()
            if begins:
                run.begin({"space": "digest"})
            raise RunError("no")

    out = tmp_path / "runs" / "new"
    with pytest.raises(RunError):
        start(begins=False)
    assert not (tmp_path / "runs").exists()
    with pytest.raises(RunError):
        start(begins=True)
    assert known_identity(out) == {"config": {"seed": 0}, "space": "digest"}
