"""Whatever stands where a file is read, it ends in a line, and soon."""

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import pytest
from torch import nn

from radars.comparison import read_table
from radars.comparison.rows import read_rows
from radars.cost import read_latencies
from radars.data.images import open_image
from radars.engine.search_result import read_search
from radars.errors import RadarsError
from radars.reading import parse_json, read_file
from radars.reporting.record import read_directory
from radars.runs.checkpoint import CheckpointStore
from radars.runs.directory import RunDirectory
from radars.runs.events import EventLog, load_events
from radars.runs.identity_file import known_identity
from radars.runs.read_run import read_config, read_result
from radars.settings import read_settings
from radars.tracking.curves import known_id, refusals_said
from radars.training.start_training import read_architecture
from radars.training.weights_file import load_weights


@contextmanager
def within_seconds(seconds: int) -> Iterator[None]:
    def late(number: int, frame: FrameType | None) -> None:
        raise AssertionError("it takes too long")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def refusal(read: Callable[[Path], object], file: Path) -> str | None:
    """The line that says what is wrong with a file; None where nothing is."""
    try:
        read(file)
    except RadarsError as error:
        [line] = str(error).splitlines()
        return line
    return None


def in_run(name: str, read: Callable[[Path], object]) -> Callable[[Path], object]:
    """Reads a run in which the file is that of this name."""

    def read_run(file: Path) -> object:
        run = file.parent / "run"
        run.mkdir()
        (run / "config.yaml").write_text("seed: 0\n")
        (run / name).parent.mkdir(exist_ok=True)
        if (run / name).exists():
            (run / name).unlink()
        file.rename(run / name)
        return read(run)

    return read_run


def resumed(run: Path) -> None:
    RunDirectory.resume(run).close()


def id_of_a_service(file: Path) -> object:
    with refusals_said("the service", (OSError, ValueError), "leave it out"):
        return known_id(file)


READERS: dict[str, Callable[[Path], object]] = {
    "configuration": read_settings,
    "architecture": read_architecture,
    "latencies": read_latencies,
    "table": lambda file: read_table(f"nas-bench-macro={file}"),
    "rows": read_rows,
    "weights": lambda file: load_weights(nn.Linear(2, 2), file),
    "events": lambda file: EventLog(file).close(),
    "read events": load_events,
    "id of a service": id_of_a_service,
    "image": lambda file: open_image({"bytes": None, "path": str(file)}, 3, "the image"),
    "config of a run": in_run("config.yaml", read_config),
    "result of a run": in_run("result.json", read_result),
    "result of a search": in_run("result.json", read_search),
    "identity of a run": in_run("identity.json", known_identity),
    "front of a run": in_run("pareto.json", read_directory),
    "evaluation of a run": in_run("evaluation.json", read_directory),
    "events of a run": in_run("events.jsonl", resumed),
    "checkpoint": in_run(
        "checkpoint/00000001.safetensors", lambda run: CheckpointStore(run / "checkpoint").latest()
    ),
    "checksum": in_run(
        "checkpoint/00000001.sha256", lambda run: CheckpointStore(run / "checkpoint").steps()
    ),
}


def endless(file: Path) -> None:
    file.symlink_to("/dev/zero")


def sparse(file: Path) -> None:
    with file.open("wb") as content:
        content.truncate(2**40)


THINGS: dict[str, Callable[[Path], object]] = {
    "pipe": os.mkfifo,
    "device": endless,
    "directory": Path.mkdir,
    "sparse file of a terabyte": sparse,
}


@pytest.mark.parametrize("thing", THINGS)
@pytest.mark.parametrize("reader", READERS)
def test_what_is_no_file_of_a_sensible_size_is_refused(
    reader: str, thing: str, tmp_path: Path
) -> None:
    file = tmp_path / "file.json"
    THINGS[thing](file)
    with within_seconds(20):
        said = refusal(READERS[reader], file)
    assert said or reader == "checksum"  # that of no checkpoint


DEEP = b"[" * 20_000
HUGE = b'{"a": ' + b"9" * 5000 + b"}"


@pytest.mark.parametrize("content", [DEEP, HUGE, b'{"a": NaN}', b"\xff", b"", b"[1", b"{}[]"])
def test_json_that_no_machine_holds_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w|:"):
        parse_json(content)


@pytest.mark.parametrize("content", [DEEP, HUGE, b"\x00" * 99, b"[]", b'{"a": 1e999}', b"null"])
@pytest.mark.parametrize("reader", READERS)
def test_whatever_a_file_holds_ends_in_a_line(reader: str, content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "file.json"
    file.write_bytes(content)
    with within_seconds(20):
        refusal(READERS[reader], file)


GOOD = {
    "status": "completed", "method": "random", "space": "s", "seed": 0, "architecture": {"a": "b"},
    "num_architectures": 3, "validation_accuracy": 0.5, "budget_bytes": 1,
    "predicted_peak_bytes": 1, "measured_peak_bytes": 1, "peak_rss_bytes": 1,
    "search_seconds": 1.0, "macs": 1, "parameters": 1, "rounds": 1,
}  # fmt: skip


@pytest.mark.parametrize("value", ["many", 10**400, -(10**30), None, [], {"a": {}}])
@pytest.mark.parametrize("key", [key for key in GOOD if key != "validation_accuracy"])
def test_a_result_with_a_wrong_value_ends_in_a_line(
    key: str, value: object, tmp_path: Path
) -> None:
    (tmp_path / "config.yaml").write_text("seed: 0\n")
    before = sys.get_int_max_str_digits()
    (tmp_path / "result.json").write_text(json.dumps({**GOOD, key: value}))
    assert sys.get_int_max_str_digits() == before
    if key in ("method", "space") and value == "many":
        return
    if key == "num_architectures" and isinstance(value, int):
        return  # a space may hold any number
    if key == "architecture" and value is None:  # nothing was found
        assert read_search(tmp_path) is None
        return
    with pytest.raises(RadarsError) as caught:
        read_search(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("time", ["1e18", "-1", "9" * 400, '"late"', "null", "[]"])
def test_an_event_at_no_time_is_refused(time: str, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text(f'{{"time": {time}, "event": "phase_started", "phase": "explore"}}\n' * 2)
    with pytest.raises(RadarsError, match=r"wrong time; remove that line"):
        load_events(file)


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    assert read_file(tmp_path / "link", 5) == b"12345"
    with pytest.raises(OSError, match="larger than 4 bytes"):
        read_file(tmp_path / "file", 4)
