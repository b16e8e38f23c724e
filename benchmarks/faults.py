"""What a search on digits survives, and whether it then ends as if nothing had been.

Each try starts a short search in a process of its own, lets one thing go wrong at a moment drawn
from a seed, and resumes. `survived` counts the tries that ended as they should: with a result, or
with the error that the user needs and the last good checkpoint intact. `equal` counts those whose
result, and every tensor of whose last checkpoint, are those of a search that nothing happened to.

    python benchmarks/faults.py
    python benchmarks/faults.py --only "file system full" --only "process told to stop"

Appends each row to `benchmarks/results/faults.jsonl` when it is done, with what a try said that did
not end as it should, and prints the table of the newest row of each kind; exits with 1 where a row
of this time is not 100%.
"""

import math
import os
import random
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch
from survival import (
    MOST_SAID,
    Kind,
    Outcome,
    Whole,
    has_ended,
    resumed,
    run_kinds,
    search,
    start,
    status_of,
    wait_for_checkpoint,
)
from torch import Tensor

from radars.engine import trainer
from radars.errors import RunError
from radars.nn import steps
from radars.runs.checkpoint import CheckpointStore
from radars.runs.directory import RunDirectory
from radars.runs.events import read_events
from radars.runs.read_run import read_result
from radars.seeds import stable_seed

_SPOILED = stable_seed(stable_seed(0, "round", 0), 7)  # the seed of the eighth step
_FULL_FILE_BYTES = 20_000
_LARGE_BYTES = 20 * 2**20  # room for a whole run
_FILLER_BYTES = 2**20


def _killed(out: Path, draw: random.Random, whole: Whole) -> Outcome:
    """SIGKILL at any moment, also while it starts or saves."""
    pid = start(out, search)
    time.sleep(draw.random() * whole.seconds)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return resumed(out, whole)


def _killed_while_it_saves(out: Path, draw: random.Random, whole: Whole) -> Outcome:
    """SIGKILL as soon as the temporary file of a checkpoint is there."""
    pid = start(out, search)
    wanted = draw.randrange(1, whole.num_checkpoints)
    store = CheckpointStore(out / "checkpoint")
    while not has_ended(pid) and max(store.steps(), default=0) < wanted:
        time.sleep(0.001)
    while not has_ended(pid) and not any((out / "checkpoint").glob(".*")):
        pass
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return resumed(out, whole)


def _interrupted(out: Path, draw: random.Random, whole: Whole) -> Outcome:
    """SIGTERM, as a scheduler sends it; the search saves and leaves."""
    pid = start(out, search)
    wait_for_checkpoint(pid, out, draw.randrange(1, whole.num_checkpoints))
    os.kill(pid, signal.SIGTERM)
    status = status_of(pid)
    has_ended = read_result(out) is not None  # it was faster than the signal
    outcome = resumed(out, whole)
    return outcome.if_also(has_ended or status == 130, f"it ended with {status}")


def _damaged(
    out: Path, draw: random.Random, whole: Whole, damage: Callable[[Path], None]
) -> Outcome:
    """Killed, and then the last checkpoint is damaged: the one before is used, and that is said."""
    pid = start(out, search)
    wait_for_checkpoint(pid, out, draw.randrange(3, whole.num_checkpoints))
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    store = CheckpointStore(out / "checkpoint")
    *_, before, last = store.steps()
    damage(out / "checkpoint" / f"{last:08d}.safetensors")
    if read_result(out) is not None:  # it was faster than the signal
        (out / "result.json").unlink()
    with RunDirectory.resume(out) as run:
        logged = read_events(out / "events.jsonl")
        is_said = any(event["event"] == "checkpoint_damaged" for event in logged)
        is_used = run.resumed_step == before
    outcome = resumed(out, whole)
    return outcome.if_also(is_said, "no event says so").if_also(is_used, "not the one before")


def _cut_short(out: Path, draw: random.Random, whole: Whole) -> Outcome:
    def damage(file: Path) -> None:
        os.truncate(file, draw.randrange(file.stat().st_size))

    return _damaged(out, draw, whole, damage)


def _flipped(out: Path, draw: random.Random, whole: Whole) -> Outcome:
    def damage(file: Path) -> None:
        content = bytearray(file.read_bytes())
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        file.write_bytes(content)

    return _damaged(out, draw, whole, damage)


def _full_disk(out: Path, draw: random.Random, whole: Whole) -> Outcome:
    """From some checkpoint on no file can hold a whole one: the search says so and stops."""
    wanted = draw.randrange(2, whole.num_checkpoints)

    def search_on_a_full_disk(out: Path) -> None:
        save = CheckpointStore.save

        def save_to_a_full_disk(store: CheckpointStore, step: int, *state: Any) -> None:
            if step >= wanted:
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                limits = _FULL_FILE_BYTES, resource.RLIM_INFINITY
                resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            save(store, step, *state)

        CheckpointStore.save = save_to_a_full_disk  # type: ignore[method-assign, assignment]
        search(out)

    said = out.with_suffix(".full")
    status = status_of(start(out, search_on_a_full_disk, said))
    newest = CheckpointStore(out / "checkpoint").newest_intact_step()
    outcome = resumed(out, whole).if_also(newest == (wanted - 1, []), f"checkpoints: {newest}")
    return _told_of_the_disk(outcome, status, said)


def _full_file_system(out: Path, draw: random.Random, whole: Whole) -> Outcome:
    """A file system in memory that has room for one or two checkpoints; later it is enlarged."""
    size = round(whole.checkpoint_bytes * draw.uniform(1.2, 2.8))
    with _mounted(out, size) as run:
        said = out.with_suffix(".full")
        status = status_of(start(run, search, said))
        store = CheckpointStore(run / "checkpoint")
        is_intact = bool(store.steps()) and all(map(store.is_intact, store.steps()))
        _remount(out, _LARGE_BYTES)
        outcome = resumed(run, whole, out.with_suffix(".err"))
    return _told_of_the_disk(outcome.if_also(is_intact, "damaged checkpoints"), status, said)


def _filled_file_system(out: Path, draw: random.Random, whole: Whole) -> Outcome:
    """Somebody fills the file system at any moment, so that any file is the first to fail.

    It is resumed once while there is no room, to the same line, and again when there is.
    """
    with _mounted(out, _LARGE_BYTES) as run:
        said, said_again = out.with_suffix(".full"), out.with_suffix(".again")
        store = CheckpointStore(run / "checkpoint")
        pid = start(run, search, said)
        wait_for_checkpoint(pid, run, draw.randrange(1, whole.num_checkpoints // 2))
        with (out / "filler").open("wb", buffering=0) as filler, suppress(OSError):
            while True:
                filler.write(bytes(_FILLER_BYTES))
        status = status_of(pid)
        newest = store.newest_intact_step()
        status_again = status_of(start(run, search, said_again))
        is_intact = newest[1] == [] and store.newest_intact_step() == newest
        (out / "filler").unlink()
        outcome = resumed(run, whole, out.with_suffix(".err"))
    outcome = outcome.if_also(is_intact, f"checkpoints: {newest}")
    return _told_of_the_disk(_told_of_the_disk(outcome, status_again, said_again), status, said)


@contextmanager
def _mounted(out: Path, num_bytes: int) -> Iterator[Path]:
    """A file system in memory, and the place of a run in it."""
    out.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={num_bytes}", "radars", out], check=True)
    try:
        yield out / "run"
    finally:
        subprocess.run(["umount", out], check=True)


def _remount(out: Path, num_bytes: int) -> None:
    subprocess.run(["mount", "-o", f"remount,size={num_bytes}", out], check=True)


def _can_mount(root: Path) -> bool:
    folder = root / "mounted"
    folder.mkdir(exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "radars", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        print("only root can mount a small file system: that row is left out", file=sys.stderr)
        return False
    subprocess.run(["umount", folder], check=True)
    return True


def _told_of_the_disk(outcome: Outcome, status: int, said: Path) -> Outcome:
    """The outcome where a search ended with one line about the disk, and nothing else."""
    text = said.read_text()
    is_told = re.fullmatch("cannot write .*; free the disk .*\n", text) and status == 1
    return outcome.if_also(bool(is_told), f"it ended with {status}: {text[-MOST_SAID:]!r}")


def _nan_loss(out: Path, draw: random.Random, whole: Whole) -> Outcome:
    """A batch is NaN; besides, the search is killed and resumed."""
    pid = start(out, _spoiled_search)
    wait_for_checkpoint(pid, out, draw.randrange(1, whole.num_checkpoints))
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    outcome = resumed(out, whole, search=_spoiled_search)
    events = read_events(out / "events.jsonl")
    skipped = [event["count"] for event in events if event["event"] == "step_skipped"]
    return outcome.if_also(skipped == [1], f"skipped steps: {skipped}")


def _second_owner(out: Path, draw: random.Random, whole: Whole) -> Outcome:
    """A second process is refused, until the first one is killed."""
    pid = start(out, search)
    wait_for_checkpoint(pid, out, 1)
    refused = out.with_suffix(".txt")

    def second(out: Path) -> None:
        try:
            RunDirectory.resume(out).close()
        except RunError as error:
            refused.write_text(str(error))

    os.waitpid(start(out, second), 0)
    is_alive = not has_ended(pid)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    is_refused = refused.exists() and f"in use by process {pid};" in refused.read_text()
    outcome = resumed(out, whole)
    return outcome.if_also(is_alive, "the first ended").if_also(is_refused, "not refused")


def _spoiled_search(out: Path) -> None:
    """The same, but the batch of one step is NaN, in whichever sitting that step is."""

    def step(supernet: Any, example_B: Any, *rest: Any, **options: Any) -> Tensor:
        if torch.initial_seed() == _SPOILED:
            example_B = torch.full_like(example_B, math.nan)
        return steps.weights_step(supernet, example_B, *rest, **options)

    trainer.weights_step = step  # type: ignore[attr-defined]
    search(out)


KINDS = {
    "process killed at any moment": Kind(30, _killed, search),
    "process killed while it saves": Kind(5, _killed_while_it_saves, search),
    "process told to stop": Kind(5, _interrupted, search),
    "last checkpoint cut short": Kind(5, _cut_short, search),
    "last checkpoint with a flipped bit": Kind(5, _flipped, search),
    "files cannot grow while saving": Kind(5, _full_disk, search),
    "file system full": Kind(5, _full_file_system, search, _can_mount),
    "file system filled by somebody, resumed full": Kind(
        5, _filled_file_system, search, _can_mount
    ),
    "loss is NaN, and killed": Kind(5, _nan_loss, _spoiled_search),
    "second process on the run, first killed": Kind(5, _second_owner, search),
}


if __name__ == "__main__":
    run_kinds(KINDS, __doc__)
