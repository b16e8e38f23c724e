import errno
import json
import math
import os
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.full_disk import largest_file

from radars.errors import RunError
from radars.runs.files import plain, to_json, write_all_atomically, write_atomically


@pytest.mark.parametrize("content", ["text ü\n", b"\x00\xff"])
def test_writes_and_replaces(tmp_path: Path, content: str | bytes) -> None:
    path = tmp_path / "file"
    write_atomically(path, "old")
    write_atomically(path, content)
    assert path.read_bytes() == (content.encode() if isinstance(content, str) else content)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_others_may_read_it_as_the_umask_says(tmp_path: Path) -> None:
    path = tmp_path / "file"
    previous = os.umask(0o027)
    try:
        write_atomically(path, "")
    finally:
        os.umask(previous)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.parametrize(
    ("owner", "name"), [(Path, "write_bytes"), (os, "fsync"), (Path, "replace"), (Path, "chmod")]
)
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left"), KeyboardInterrupt()])
def test_a_failure_leaves_the_old_file_alone(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    owner: Any,
    name: str,
    error: BaseException,
) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def fail(*args: object) -> None:
        raise error

    monkeypatch.setattr(owner, name, fail)
    with pytest.raises(RunError if isinstance(error, OSError) else KeyboardInterrupt) as caught:
        write_atomically(path, "new")
    monkeypatch.undo()
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
    if isinstance(error, OSError):
        assert str(path) in str(caught.value)
        assert "No space left" in str(caught.value)


def test_a_missing_directory_is_a_run_error(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="No such file"):
        write_atomically(tmp_path / "none" / "file", "new")


def test_json_is_strict() -> None:
    text = to_json({"a": [math.nan, math.inf, 1.5, (1, None)], "b": {"c": True}})
    assert json.loads(text) == {"a": [None, None, 1.5, [1, None]], "b": {"c": True}}


def test_plain_keeps_values_of_subclasses() -> None:
    value = plain({"a": np.float64(0.5), "b": True})
    assert isinstance(value, dict)
    assert type(value["a"]) is float
    assert value["b"] is True


@pytest.mark.parametrize("value", [{1: 2}, [object()], {"a": [np.float32(1)]}, b"bytes", {1, 2}])
def test_plain_refuses_other_values(value: object) -> None:
    with pytest.raises(TypeError, match="strings"):
        plain(value)


@pytest.mark.parametrize("has_old", [True, False])
def test_files_that_belong_together_are_all_written_or_none(tmp_path: Path, has_old: bool) -> None:
    small, large = tmp_path / "net.py", tmp_path / "net.safetensors"
    if has_old:
        write_all_atomically({small: "old", large: "old"})
    before = {file.name: file.read_text() for file in tmp_path.iterdir()}
    with largest_file(10_000), pytest.raises(RunError, match=r"net\.safetensors: .*too large"):
        write_all_atomically({small: "new", large: bytes(100_000)})
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == before
