from concurrent.futures.process import BrokenProcessPool
from itertools import count
from pathlib import Path
from unittest.mock import Mock

import pytest
import torch
from tests.tasks import die_once, double, time_out

from radars.errors import ConfigError, RunError
from radars.execution.executor import (
    ExecutorConfig,
    Lost,
    Needs,
    ProcessExecutor,
    check_retries,
    new_executor,
)
from radars.execution.pool import ProcessPool
from radars.settings import validate_settings

ROOT = str(Path(__file__).parents[2])
CPU = torch.device("cpu")
SMALL = Needs(2**20, 1, CPU)


def test_the_configuration_names_the_executor() -> None:
    with new_executor(ExecutorConfig()) as executor:
        assert executor.is_here
        assert list(executor.map(double, [3, 1, 2], [SMALL] * 3)) == [6, 2, 4]
    with new_executor(ExecutorConfig(jobs=2)) as executor:
        assert isinstance(executor, ProcessExecutor)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"address": "127.0.0.1:1"}, "add --executor ray"),
        ({"name": "ray", "jobs": 2}, "jobs are processes"),
        ({"retries": -1}, "retries"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(
    settings: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        validate_settings(ExecutorConfig, settings)


@pytest.mark.slow
def test_a_process_that_is_killed_is_replaced_and_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(ROOT)  # where the processes find `tests`
    lost: list[Lost] = []
    tasks = [tmp_path / "none", tmp_path / "flag"]
    tasks[1].touch()
    needs = [Needs(2**20, num_threads, CPU) for num_threads in (1, 2)]
    with ProcessExecutor(1, retries=1) as executor:
        results = executor.map(die_once, tasks, needs, on_lost=lost.append)
        assert list(results) == [("none", 1), ("flag", 2)]  # the threads that each asked for
    assert [(known.task, known.tries) for known in lost] == [(1, 1)]
    with pytest.raises(RunError, match=r"task 1 was lost 3 times"):
        check_retries(Lost(1, 3, "why"), retries=2)


@pytest.mark.slow
def test_processes_that_were_lost_between_two_maps_are_replaced_and_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(ROOT)
    lost: list[Lost] = []
    with ProcessExecutor(1, retries=1) as executor:
        assert list(executor.map(double, [1], [SMALL])) == [2]
        with monkeypatch.context() as patch:
            broken = Mock(side_effect=BrokenProcessPool("an idle process was killed"))
            patch.setattr(ProcessPool, "submit", broken)
            results = executor.map(double, [2, 3], [SMALL] * 2, on_lost=lambda known: patch.undo())
            assert list(results) == [4, 6]
            patch.setattr(ProcessPool, "submit", broken)
            with pytest.raises(RunError, match=r"task 0 was lost 2 times \(an idle process"):
                list(executor.map(double, [2, 3], [SMALL] * 2, on_lost=lost.append))
    assert [(known.task, known.tries) for known in lost] == [(0, 1), (0, 2)]


@pytest.mark.slow
def test_a_time_out_of_a_task_is_an_error_of_the_task(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT)
    polls = count()

    def while_waiting() -> None:
        assert next(polls) < 10_000, "the task has ended, but is waited for"

    with ProcessExecutor(1) as executor, pytest.raises(TimeoutError, match="no answer"):
        list(executor.map(time_out, [1], [SMALL], while_waiting=while_waiting))


def test_processes_are_as_many_as_the_device_has_room_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from radars.execution import executor

    widths: list[int] = []

    def pool(width: int, num_threads: int) -> None:
        widths.append(width)
        raise InterruptedError

    monkeypatch.setattr(executor, "process_pool", pool)
    monkeypatch.setattr(executor, "device_memory_bytes", lambda device: 3 * 2**20 // 2)
    for memory_bytes, width in ((2**20, 1), (2**19, 3), (2**22, 1)):
        with pytest.raises(InterruptedError):
            list(ProcessExecutor(4).map(double, [1, 2], [Needs(memory_bytes, 1, CPU)] * 2))
        assert widths.pop() == width
