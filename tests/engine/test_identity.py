"""A run that goes on is the one that was begun: configuration, space, data, task."""

import hashlib
import importlib.util
import shutil
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors import safe_open
from safetensors.torch import save_file
from tests.tiny import (
    InterruptAt,
    assert_same_tensors,
    outcome,
    quick_config,
    tiny_data,
    tiny_network,
    tiny_space,
)
from torch import Tensor, nn

from radars.cli.endings import errors_in_a_line
from radars.data import tensor_data
from radars.engine import SearchConfig
from radars.engine.given import Given
from radars.engine.identity import space_digest, task_digest
from radars.engine.problem import SearchProblem
from radars.engine.run import run_search
from radars.engine.start_search import completed_search, start_search
from radars.errors import ConfigError, RadarsWarning, RunError, SpaceError, Stopped
from radars.nn.task import Task
from radars.runs.checkpoint import CheckpointStore
from radars.runs.events import read_events
from radars.runs.identity_file import known_identity
from radars.space import Choose, Factory, SearchSpace
from radars.testing import final_state
from radars.tracking.progress import NoProgress

GIVEN = Given(space=tiny_space(), data=tiny_data())


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "begun"
    with pytest.raises(Stopped):
        run_search(quick_config(), GIVEN, out=out, progress=InterruptAt(2))
    return out


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "whole"
    run_search(quick_config(checkpoint_seconds=0), GIVEN, out=out)
    return out


def content_of(out: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in out.rglob("*") if file.name != "lock"
            if file.is_file()}  # fmt: skip


def edited(config: dict[str, Any]) -> dict[str, Any]:
    return {
        "seed": {**config, "seed": 7},
        "batch size": {**config, "data": {**config["data"], "batch_size": 5}},
        "images": {**config, "data": {**config["data"], "num_train": 40}},
        "missing": {key: value for key, value in config.items() if key != "seed"},
        "missing within": {**config, "data": {"source": config["data"]["source"]}},
        "more": {**config, "rounds": 3},
        "emptied": {},
        "invalid": {**config, "precision": "another"},
        "of another type": {**config, "num_processes": {"another": 1}},
    }


@pytest.mark.parametrize("change", edited({"data": {"source": ""}}))
@pytest.mark.parametrize("has_file", [True, False])
def test_a_configuration_that_was_edited_is_refused(
    begun: Path, tmp_path: Path, change: str, has_file: bool
) -> None:
    out = tmp_path / "run"
    shutil.copytree(begun, out)
    if not has_file:  # the checkpoint says it, too
        (out / "identity.json").unlink()
    file = out / "config.yaml"
    config = edited(yaml.safe_load(file.read_text()))[change]
    file.write_text(yaml.safe_dump(config) if config else "")
    before = content_of(out)
    with pytest.raises(ConfigError, match="that it began with, but ") as caught:
        run_search(None, GIVEN, out=out, resume=True)
    assert "\n" not in str(caught.value)
    with pytest.raises(ConfigError, match=r"config\.yaml that it began with, but "):
        start_search({}, config_file=None, overrides=[], out=out, new_out=Path, resume=True,
                     progress=NoProgress())  # fmt: skip
    assert content_of(out) == before


def test_what_does_not_change_a_result_may_be_edited(begun: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    shutil.copytree(begun, out)
    file = out / "config.yaml"
    config = yaml.safe_load(file.read_text())
    file.write_text(yaml.safe_dump({**config, "max_minutes": 1e-9}))
    assert run_search(None, GIVEN, out=out, resume=True).status == "exceeded_time"


def test_a_configuration_alone_is_gone_on_with_where_it_is_whole(tmp_path: Path) -> None:
    """As a search leaves it that is killed while it looks at its space."""
    out = tmp_path / "run"
    out.mkdir()
    config = GIVEN.recorded(quick_config(max_minutes=1e-9)).model_dump(mode="json")
    (out / "config.yaml").write_text(yaml.safe_dump({**config, "data": {}}))
    with pytest.raises(ConfigError, match=r"data\.\w+ is missing"):
        run_search(None, GIVEN, out=out, resume=True)
    (out / "config.yaml").write_text(yaml.safe_dump(config))
    assert run_search(None, GIVEN, out=out, resume=True).status == "exceeded_time"


def test_the_configuration_is_there_before_anything_slow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look(*_: object, **__: object) -> None:
        assert (tmp_path / "run" / "config.yaml").is_file()
        raise SpaceError("it cannot begin")

    monkeypatch.setattr(SearchProblem, "of", look)
    with pytest.raises(SpaceError):
        run_search(quick_config(), GIVEN, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def resume(out: Path, **given: Any) -> SearchConfig:
    started: list[SearchConfig] = []

    def start(config: SearchConfig, **_: object) -> None:
        started.append(config)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("radars.engine.start_search.run_search", start)
        start_search(
            given, config_file=None, overrides=(), out=out, new_out=Path, resume=True,
            progress=NoProgress(),
        )  # fmt: skip
    return started[0]


def test_where_there_is_no_run_one_starts_from_what_is_given_alone(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"resuming needs the config\.yaml of a run"):
        resume(tmp_path / "run")
    with pytest.warns(RadarsWarning, match="there is no run in .*; a new one starts"):
        assert resume(tmp_path / "run", seed=3).seed == 3


FILE = """
import torch
from torch import nn
from torch.nn import functional

SCALE = {scale}


def changed(x):
    return {function}(x) * SCALE


class Middle(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 3)
        nn.init.{init}(self.layer.weight)

    def forward(self, x):
        return changed(self.layer(x))  # {comment}


def net(choose):
    return nn.Sequential(
        choose("a", {{"x": nn.Identity, "m": Middle, "y": nn.{last}}}), nn.Linear(3, 2)
    )
"""
USUAL = {
    "scale": "2",
    "function": "functional.relu",
    "init": "zeros_",
    "comment": "as it is",
    "last": "Tanh",
}


def digest_of_file(path: Path, **changes: str) -> str:
    path.write_text(FILE.format(**USUAL | changes))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return space_digest(SearchSpace(module.net), (3,))


def test_every_change_of_a_space_shows_and_a_comment_does_not(tmp_path: Path) -> None:
    digests = {
        change: digest_of_file(tmp_path / f"space{number}.py", **dict([change] if change else []))
        for number, change in enumerate(
            [None, ("scale", "3"), ("function", "torch.tanh"), ("init", "ones_"), ("last", "ReLU"),
             ("comment", "another word")]
        )
    }  # fmt: skip
    assert digests.pop(("comment", "another word")) == digests[None]
    assert len(set(digests.values())) == len(digests) == 5


def with_factor(factor: float) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda output, label: nn.functional.cross_entropy(output, label) * factor


def test_tasks_differ_by_what_their_code_has_bound() -> None:
    usual = task_digest(Task(loss=with_factor(1)))
    assert task_digest(Task(loss=with_factor(1))) == usual
    assert task_digest(Task(loss=with_factor(2))) != usual


def shifted_by(size: float) -> Callable[[Tensor, torch.Generator], Tensor]:
    return lambda example, generator: example + size * torch.rand(1, generator=generator)


def test_a_resumed_search_augments_as_before(tmp_path: Path) -> None:
    def given(size: float) -> Given:
        example_NC = torch.arange(256.0).reshape(64, 4)
        label_N = torch.arange(64) % 2
        data = tensor_data(example_NC, label_N, augment=shifted_by(size))
        return Given(SearchSpace(table_network, name="table", input_shape=(4,)), None, data)

    out = tmp_path / "run"
    with pytest.raises(Stopped):
        run_search(quick_config(), given(1), out=out, progress=InterruptAt(2))
    with pytest.raises(ConfigError, match="continues with the same data"):
        run_search(quick_config(), given(2), out=out, resume=True)
    assert run_search(quick_config(), given(1), out=out, resume=True).status == "completed"


def table_network(choose: Choose) -> nn.Module:
    return nn.Sequential(
        choose("layer", {"linear": lambda: nn.Linear(4, 4), "skip": nn.Identity}), nn.Linear(4, 2)
    )


def other_network(choose: Choose) -> nn.Module:
    inner: dict[str, Factory] = {}

    def other_choose(name: str, candidates: Any) -> Any:
        return choose(name, {**candidates, **inner, "none": lambda: nn.Dropout(0.1)})

    return tiny_network(other_choose)


def test_a_completed_search_is_read_for_the_same_objects_only(tmp_path: Path) -> None:
    out = tmp_path / "run"
    config = quick_config("random", children={"number": 1, "steps": 1})
    found = run_search(config, GIVEN, out=out)
    asked = GIVEN.recorded(config)
    again = completed_search(out, asked, GIVEN)
    assert again == found
    assert isinstance(again.build(), nn.Module)
    others = {
        "space": Given(SearchSpace(other_network, name="tiny", input_shape=(1, 8, 8)), None,
                       GIVEN.data),
        "task": Given(GIVEN.space, None, GIVEN.data, Task(loss=with_factor(2))),
    }  # fmt: skip
    for what, given in others.items():
        with pytest.raises(ConfigError, match=f"continues with the same {what}"):
            completed_search(out, asked, given)
    (out / "config.yaml").write_text("")
    with pytest.raises(ConfigError, match=r"that it began with, but \w+ is missing"):
        completed_search(out, asked, GIVEN)


def test_a_completed_search_of_a_named_space_can_build_its_network(tmp_path: Path) -> None:
    out = tmp_path / "run"
    config = quick_config("random", children={"number": 1, "steps": 1}, budget=2**24)
    config = config.model_copy(update={"space": "digits"})
    run_search(config, out=out)
    again = completed_search(out, config)
    assert again is not None
    assert isinstance(again.build(), nn.Module)
    known = known_identity(out)
    assert known is not None
    assert known["config"]["space"] == "digits"


def test_a_refusal_is_one_line_on_the_command_line(
    begun: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit), errors_in_a_line():
        run_search(quick_config(seed=5), GIVEN, out=begun, resume=True)
    assert len(capsys.readouterr().err.splitlines()) == 1


def without_a_tensor(file: Path, *, is_said: bool) -> None:
    """A checkpoint that lacks a tensor, with a right checksum; as saved, where `is_said`."""
    store = CheckpointStore(file.parent)
    step = int(file.stem)
    if is_said:
        state = store.load(step).state
        del state["run"]["method"]["supernet"]
        store.save(step, state)
        return
    with safe_open(file, framework="pt") as content:
        metadata = content.metadata()
        tensors = {name: content.get_tensor(name).clone() for name in list(content.keys())[1:]}
    save_file(tensors, file, metadata)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    file.with_suffix(".sha256").write_text(f"{digest}  {file.name}\n")


@pytest.mark.parametrize("is_said", [True, False])
def test_a_checkpoint_without_a_tensor(whole: Path, tmp_path: Path, is_said: bool) -> None:
    out, config = tmp_path / "run", quick_config(checkpoint_seconds=0)
    with pytest.raises(Stopped):
        run_search(config, GIVEN, out=out, progress=InterruptAt(5))
    [before, last] = sorted((out / "checkpoint").glob("*.safetensors"))
    without_a_tensor(last, is_said=is_said)
    if is_said:
        with pytest.raises(RunError, match=rf"checkpoint of step {int(last.stem)} .*one before"):
            run_search(out=out, given=GIVEN, resume=True)
        last.unlink()
    run_search(out=out, given=GIVEN, resume=True)
    resumed = [event for event in read_events(out / "events.jsonl") if event["event"] == "resumed"]
    assert resumed[-1]["step"] == int(before.stem)
    assert outcome(out) == outcome(whole)
    assert_same_tensors(final_state(out)[0], final_state(whole)[0])


CONSTANT = 2.0
NUM_CALLS = 0


def scaled(output: Tensor, label: Tensor) -> Tensor:
    global NUM_CALLS
    NUM_CALLS += 1
    return nn.functional.cross_entropy(output, label) * CONSTANT


def tempered(output: Tensor, label: Tensor, temperature: float) -> Tensor:
    return scaled(output / temperature, label)


class Distilled:
    def __init__(self, teacher: nn.Module, share: float) -> None:
        self.teacher, self.share = teacher, share

    def loss(self, output: Tensor, label: Tensor) -> Tensor:
        return self.share * nn.functional.cross_entropy(output, label)


def test_a_task_is_told_by_all_that_its_loss_uses(monkeypatch: pytest.MonkeyPatch) -> None:
    teacher = nn.Linear(2, 2)
    losses: dict[str, Callable[[Any, Tensor], Tensor]] = {
        "a constant": scaled,
        "a keyword": partial(tempered, temperature=2.0),
        "another keyword": partial(tempered, temperature=4.0),
        "an object": Distilled(teacher, 0.5).loss,
        "another object": Distilled(teacher, 0.7).loss,
        "a closure": lambda output, label: teacher(output).mean(),
    }
    digests = {name: task_digest(Task(loss=loss)) for name, loss in losses.items()}
    assert len(set(digests.values())) == len(losses)
    monkeypatch.setattr(sys.modules[__name__], "NUM_CALLS", 7)  # which the function itself sets
    assert digests == {name: task_digest(Task(loss=loss)) for name, loss in losses.items()}
    monkeypatch.setattr(sys.modules[__name__], "CONSTANT", 3.0)
    with torch.no_grad():
        teacher.weight += 1
    again = {name: task_digest(Task(loss=loss)) for name, loss in losses.items()}
    assert not set(digests.values()) & set(again.values())


def test_what_others_add_to_a_class_of_a_library_is_no_part_of_a_task(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def loss(output: Any, label: Tensor) -> Tensor:
        return torch.zeros(()) if type(output) is not Tensor else output.mean()

    before = task_digest(Task(loss=loss))
    monkeypatch.setattr(Tensor, "added_by_a_library", lambda self: self, raising=False)
    assert task_digest(Task(loss=loss)) == before
