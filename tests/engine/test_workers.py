from pathlib import Path
from typing import Any

import pytest
from tests.tiny import InterruptAt, outcome, quick_config, tiny_data, tiny_space

from radars.engine import SearchResult
from radars.engine.given import Given
from radars.engine.run import run_search
from radars.errors import ConfigError, Stopped
from radars.execution.executor import LocalExecutor
from radars.nn.task import CLASSIFICATION, Task
from radars.runs.events import read_events
from radars.testing import final_state

SPACE, DATA = tiny_space(), tiny_data()


def searched(method: str, batch: int, **options: Any) -> SearchResult:
    config = quick_config(method, children={"number": 7, "steps": 3, "batch": batch})
    task = options.pop("task", CLASSIFICATION)
    return run_search(config, Given(space=SPACE, data=DATA, task=task), **options)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["radars", "reinforce", "random", "evolution"])
def test_what_is_done_elsewhere_is_what_would_be_done_here(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    with pytest.raises(Stopped):  # begun here, within a child or a finalist
        searched(method, 2, out=there, progress=InterruptAt(31 if method == "radars" else 5))
    searched(method, 2, out=here)
    monkeypatch.setattr(LocalExecutor, "is_here", False)
    searched(method, 2, out=there, resume=True)
    assert outcome(there) == outcome(here)


def test_children_of_a_group_do_not_know_of_each_other(tmp_path: Path) -> None:
    num_rivals = []
    for batch in (1, 7):
        out = tmp_path / str(batch)
        searched("random", batch, out=out)
        events = [event["event"] for event in read_events(out / "events.jsonl")]
        assert events.count("child") == 7
        num_rivals.append(final_state(out)[1]["method"]["children"]["num_rivals"])
    assert num_rivals[0] > num_rivals[1] == 0


@pytest.mark.slow
def test_elsewhere_the_task_is_the_one_that_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    task = Task(
        loss=lambda output, label: CLASSIFICATION.loss(output, label) / 2,
        score=lambda output, label: CLASSIFICATION.score(output, label) * 0.25,
    )
    here = searched("random", 2, task=task)
    assert here.validation_accuracy is not None
    assert 0 < here.validation_accuracy <= 0.25
    monkeypatch.setattr(LocalExecutor, "is_here", False)
    there = searched("random", 2, task=task)
    assert (there.architecture, there.validation_accuracy) == (
        here.architecture,
        here.validation_accuracy,
    )


def test_what_cannot_be_sent_to_processes_is_refused_before_anything_is_written(
    tmp_path: Path,
) -> None:
    config = quick_config("random", executor={"jobs": 2})
    with pytest.raises(ConfigError, match=r"one of them cannot be sent \(.*; name space and data"):
        run_search(config, Given(space=SPACE, data=DATA), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
