from pathlib import Path

import pytest
import torch

from radars.execution.environment import environment


@pytest.mark.parametrize(("number", "said"), [(1, "1 thread of "), (2, "2 threads of ")])
def test_where_a_run_ran_is_said(number: int, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: number)
    where = environment(torch.device("cpu"))
    assert where["threads"].startswith(said)
    assert where["device"] == "cpu"
    assert all(where.values())


def test_what_the_system_does_not_say_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError

    monkeypatch.setattr(Path, "read_text", refuse)
    monkeypatch.setattr("os.sysconf", refuse)
    monkeypatch.setattr("platform.processor", str)
    assert not {"processor", "memory"} & environment(torch.device("cpu")).keys()
