import errno
import math
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radars.errors import RunError
from radars.runs.event_schema import (
    CheckpointDamagedEvent,
    ChildEvent,
    PhaseStartedEvent,
    ResumedEvent,
)
from radars.runs.events import EventLog, event_files, read_event_file, read_events

FIRST = PhaseStartedEvent(phase="explore")
SECOND = ChildEvent(architecture={"a": "long enough to be written in parts"})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


@pytest.fixture
def log(path: Path) -> Iterator[EventLog]:
    log = EventLog(path)
    yield log
    log.close()


def test_events_are_readable_at_once(log: EventLog, path: Path) -> None:
    log.append(ChildEvent(time=0.0, architecture={"a": "ü\n"}, accuracy=math.nan))
    log.append(ResumedEvent(time=1.0))
    assert read_events(path) == [
        {"time": 0.0, "event": "child", "architecture": {"a": "ü\n"}, "accuracy": None},
        {"time": 1.0, "event": "resumed", "step": None},
    ]
    assert path.read_bytes().count(b"\n") == 2


def test_no_file_has_no_events(tmp_path: Path) -> None:
    assert read_events(tmp_path / "none") == []


def test_torn_anywhere(path: Path, log: EventLog) -> None:
    log.append(FIRST)
    log.append(SECOND)
    whole = path.read_bytes()
    first_end = whole.index(b"\n") + 1
    for length in range(len(whole) + 1):
        path.write_bytes(whole[:length])
        num_whole = (length >= first_end) + (length == len(whole))
        assert len(read_events(path)) == num_whole
        again = EventLog(path)
        again.append(ResumedEvent())
        again.close()
        names = [event["event"] for event in read_events(path)]
        assert names == [*["phase_started", "child"][:num_whole], "resumed"]


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
    log.append(FIRST)
    whole = path.read_bytes()
    write = os.write

    def write_little(descriptor: int, data: memoryview) -> int:
        if len(data) < 20:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, data[:10])

    monkeypatch.setattr(os, "write", write_little)
    with pytest.raises(RunError, match="No space left"):
        log.append(SECOND)
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
    log.append(FIRST)
    num_bytes = log.num_bytes
    log.append(SECOND)
    log.truncate(num_bytes)
    log.truncate(10 * num_bytes)
    assert [event["event"] for event in read_events(path)] == ["phase_started"]
    assert log.num_bytes == num_bytes


def test_a_directory_in_its_place(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="Is a directory"):
        EventLog(tmp_path)


def write_numbers(path: Path, numbers: Iterable[int]) -> list[int]:
    """Logs each; gives the length after each."""
    log = EventLog(path, longest_file_bytes=150)
    lengths = []
    for number in numbers:
        log.append(CheckpointDamagedEvent(time=0.0, step=number))
        lengths.append(log.num_bytes)
    log.close()
    return lengths


def numbers_of(path: Path) -> list[int]:
    return [event["step"] for event in read_events(path)]


def test_a_long_file_is_put_aside(path: Path) -> None:
    write_numbers(path, range(25))
    write_numbers(path, range(25, 50))  # opened again in between
    assert numbers_of(path) == list(range(50))
    files = event_files(path)
    assert [file.name for file in files] == [
        *(f"events.{number}.jsonl" for number in range(1, len(files))), "events.jsonl",
    ]  # fmt: skip
    assert len(files) > 10  # 10 comes after 9
    assert max(file.stat().st_size for file in files) < 150 + 60
    assert [event["step"] for event in read_event_file(files[1])] == [3, 4, 5]


def test_files_aside_are_counted_and_cut_too(path: Path) -> None:
    lengths = write_numbers(path, range(20))
    assert lengths == sorted(set(lengths))
    for num_left in (20, 19, 13, 12, 11, 4, 1, 0):
        log = EventLog(path, longest_file_bytes=150)
        log.truncate(lengths[num_left - 1] if num_left else 0)
        assert log.num_bytes == (lengths[num_left - 1] if num_left else 0)
        log.close()
        assert numbers_of(path) == list(range(num_left))
        again = path.parent / "again" / path.name
        again.parent.mkdir(exist_ok=True)
        for file in event_files(path):
            shutil.copy(file, again.parent)
        write_numbers(again, range(num_left, 20))
        assert numbers_of(again) == list(range(20))
        shutil.rmtree(again.parent)


def test_killed_between_the_old_file_and_the_new(path: Path) -> None:
    write_numbers(path, range(10))
    path.rename(path.parent / f"events.{len(event_files(path))}.jsonl")
    assert numbers_of(path) == list(range(10))
    write_numbers(path, range(10, 20))
    assert numbers_of(path) == list(range(20))
