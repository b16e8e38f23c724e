import errno
import math
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radars.errors import RunError
from radars.run.events import EventLog, read_events


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


@pytest.fixture
def log(path: Path) -> Iterator[EventLog]:
    ticks = iter(range(1000))
    log = EventLog(path, clock=lambda: float(next(ticks)))
    yield log
    log.close()


def test_events_are_readable_at_once(log: EventLog, path: Path) -> None:
    log.append("started", {"accuracy": math.nan, "names": ["a", "ü\n"], "nested": {"x": 1}})
    log.append("done", {})
    assert read_events(path) == [
        {"time": 0.0, "event": "started", "accuracy": None, "names": ["a", "ü\n"],
         "nested": {"x": 1}},
        {"time": 1.0, "event": "done"},
    ]  # fmt: skip
    assert path.read_bytes().count(b"\n") == 2


def test_no_file_has_no_events(tmp_path: Path) -> None:
    assert read_events(tmp_path / "none") == []


@pytest.mark.parametrize("fields", [{"time": 1}, {"event": "x"}, {"x": object()}])
def test_refused_fields_write_nothing(log: EventLog, path: Path, fields: dict[str, object]) -> None:
    with pytest.raises(TypeError):
        log.append("started", fields)
    assert path.read_bytes() == b""


def test_torn_anywhere(path: Path, log: EventLog) -> None:
    log.append("first", {})
    log.append("second", {"text": "long enough"})
    whole = path.read_bytes()
    first_end = whole.index(b"\n") + 1
    for length in range(len(whole) + 1):
        path.write_bytes(whole[:length])
        num_whole = (length >= first_end) + (length == len(whole))
        assert len(read_events(path)) == num_whole
        again = EventLog(path)
        again.append("resumed", {})
        again.close()
        names = [event["event"] for event in read_events(path)]
        assert names == [*["first", "second"][:num_whole], "resumed"]


@given(tail=st.binary(max_size=20))
def test_any_unreadable_tail_is_dropped(
    tmp_path_factory: pytest.TempPathFactory, tail: bytes
) -> None:
    path = tmp_path_factory.mktemp("events") / "events.jsonl"
    path.write_bytes(b'{"event": "first"}\n' + tail.replace(b"{", b"") + b"\0\n")
    EventLog(path).close()
    assert path.read_bytes() == b'{"event": "first"}\n'


def test_a_damaged_line_in_the_middle_is_told(path: Path) -> None:
    path.write_text('{"event": "a"}\nnonsense\n{"event": "b"}\n')
    with pytest.raises(RunError, match="line 2 of"):
        read_events(path)


def test_a_full_disk_leaves_whole_lines(
    log: EventLog, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.append("first", {})
    whole = path.read_bytes()
    write = os.write

    def write_little(descriptor: int, data: memoryview) -> int:
        if len(data) < 20:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, data[:10])

    monkeypatch.setattr(os, "write", write_little)
    with pytest.raises(RunError, match="No space left"):
        log.append("second", {"text": "long enough to be written in parts"})
    monkeypatch.undo()
    assert path.read_bytes() == whole


def test_a_disk_that_is_full_only_when_it_is_waited_for(
    log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:  # as some file systems are
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunError, match=r"cannot write .*events\.jsonl: Disk quota exceeded; free"):
        log.sync()


def test_truncate_never_lengthens(log: EventLog, path: Path) -> None:
    log.append("first", {})
    num_bytes = log.num_bytes
    log.append("second", {})
    log.truncate(num_bytes)
    log.truncate(10 * num_bytes)
    assert [event["event"] for event in read_events(path)] == ["first"]
    assert log.num_bytes == num_bytes


def test_a_directory_in_its_place(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="Is a directory"):
        EventLog(tmp_path)
