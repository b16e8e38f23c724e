"""Two processes on the CPU, which are started once for all of this file, by Fabric."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tests import test_several_inputs as several
from tests.tiny import MIB, assert_same_tensors, quick_config, tiny_data, tiny_space

import radars
from radars.data import Batch
from radars.engine.given import Given
from radars.engine.problem import training_spec
from radars.engine.run import run_search
from radars.errors import ConfigError
from radars.execution.group import Group, new_group
from radars.nn.steps import architecture_step, weights_step
from radars.nn.supernet import Supernet
from radars.runs.events import read_events
from radars.runs.read_run import read_result
from radars.settings import validate_settings

ROOT = Path(__file__).parents[2]
FORMS = ("image", "tuple", "dict")

SCRIPT = """
import json
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from tests.execution.test_group import FORMS, batch_of_8, given, steps
from tests.tiny import InterruptAt, quick_config

from radars.errors import RunError, Stopped
from radars.execution.group import new_group
from radars.engine.run import run_search

torch.set_num_threads(1)
out = Path(sys.argv[1])
with new_group(2, "cpu") as group:
    rank = group.rank
    for form in FORMS:
        after = steps(form, group.part(batch_of_8(form)), average=group.average)
        save_file(after, out / f"{form}-{rank}.safetensors")

def search(method, name, form="image", **options):
    config = quick_config(method, num_processes=2, seed=options.pop("seed", 0))
    folder = None if name is None else out / name
    return run_search(config, given(form), out=folder, **options)

whole = search("radars", "whole")
try:
    search("radars", "parts", progress=InterruptAt(15))  # Ctrl-C in the first process alone
except Stopped:
    parts = search("radars", "parts", resume=True)
told = {form: dict(search("radars", form, form).architecture) for form in ("tuple", "dict")}
try:
    search("random", None, seed=rank)
except RunError as error:
    told["error"] = str(error)
told |= {"whole": dict(whole.architecture), "parts": dict(parts.architecture)}
(out / f"told-{rank}.json").write_text(json.dumps(told))
"""


def given(form: str) -> Given:
    """A space and data whose examples are an image, or several inputs in a tuple or a dict."""
    if form == "image":
        return Given(space=tiny_space(), data=tiny_data())
    data = radars.tensor_data(several.FORMS[form], several.LABEL)
    return Given(space=several.space_of(form), data=data)


def batch_of_8(form: str = "image") -> Batch:
    data = given(form).data
    assert data is not None
    return next(iter(data.train.evaluation_batches(8)))


def steps(form: str, batch: Batch, **options: Any) -> dict[str, torch.Tensor]:
    """The weights and the logits after a step of each kind."""
    space = given(form).space
    assert space is not None
    supernet = Supernet(space, seed=0)
    weights_step(supernet, *batch, **options)
    architecture_step(supernet, *batch, **options)
    return {name: tensor.detach().contiguous() for name, tensor in supernet.named_parameters()}


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("group")
    script = out / "script.py"
    script.write_text(SCRIPT)
    env = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    done = subprocess.run(
        [sys.executable, script, out], env=env, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    return out


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_a_step_in_parts_is_that_of_the_whole_batch(ended: Path, form: str) -> None:
    first, second = (load_file(ended / f"{form}-{rank}.safetensors") for rank in (0, 1))
    assert_same_tensors(first, second)
    assert_same_tensors(first, steps(form, batch_of_8(form), micro_batches=2))


@pytest.mark.slow
@pytest.mark.parametrize("form", ["tuple", "dict"])
def test_several_inputs_are_searched_in_parts_as_in_one_process(ended: Path, form: str) -> None:
    first, second = (json.loads((ended / f"told-{rank}.json").read_text()) for rank in (0, 1))
    alone = run_search(quick_config(), given(form))
    assert first[form] == second[form] == dict(alone.architecture)
    result = read_result(ended / form)
    assert result is not None
    assert result["validation_accuracy"] == pytest.approx(alone.validation_accuracy, abs=0.02)


@pytest.mark.slow
def test_a_search_is_one_search_also_when_it_is_interrupted(ended: Path) -> None:
    first, second = (json.loads((ended / f"told-{rank}.json").read_text()) for rank in (0, 1))
    assert first["whole"] == second["whole"] == first["parts"] == second["parts"]
    results = [read_result(ended / name) for name in ("whole", "parts")]
    for result in results:
        assert result is not None
        assert result["measured_peak_bytes"] == result["predicted_peak_bytes"]
        del result["search_seconds"], result["peak_rss_bytes"]
    assert results[0] == results[1]
    events = [event["event"] for event in read_events(ended / "whole" / "events.jsonl")]
    assert events.count("search_started") == events.count("search_ended") == 1
    events = [event["event"] for event in read_events(ended / "parts" / "events.jsonl")]
    assert "resumed" in events


@pytest.mark.slow
def test_processes_that_disagree_stop_all_of_them(ended: Path) -> None:
    for rank in (0, 1):
        error = json.loads((ended / f"told-{rank}.json").read_text())["error"]
        assert "must have the same architecture in training" in error
        assert f"but process {rank} has" in error


def test_one_process_is_a_group_that_does_nothing() -> None:
    with new_group(1, "cpu") as group:
        assert (group.size, group.is_first) == (1, True)
        batch = batch_of_8()
        assert group.part(batch) is batch
        assert group.first_says("word") == "word"
        assert group.any(True, False) == [True, False]
        group.agree("name", "value")
        assert Group().total(torch.tensor(3)) == 3


def test_what_several_processes_cannot_do_is_refused() -> None:
    with pytest.raises(ConfigError, match="use cuda"), new_group(2, "cuda:1"):
        pass
    for settings, message in (
        ({"num_processes": 3}, "batch_size 64 does not divide by num_processes 3"),
        ({"num_processes": 2, "executor": {"jobs": 2}}, "leave one of them out"),
        ({"num_processes": 2, "constraints": ["latency_ms<=5"]}, "name a table in costs"),
    ):
        with pytest.raises(ConfigError, match=message):
            validate_settings(type(quick_config()), settings)


def test_a_process_holds_a_part_of_the_batch() -> None:
    config = quick_config(num_processes=2, budget=MIB)
    assert training_spec(config, (1, 8, 8)).batch_size == 4
