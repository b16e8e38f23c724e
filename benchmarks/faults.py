"""What a search on digits survives, and whether it then ends as if nothing had been.

Each try starts a short search in a process of its own, lets one thing go wrong at a moment drawn
from a seed, and resumes. `survived` counts the tries that ended as they should: with a result, or
with the error that the user needs and the last good checkpoint intact. `equal` counts those whose
result, and every tensor of whose last checkpoint, are those of a search that nothing happened to.

    python benchmarks/faults.py

Appends each row to `benchmarks/results/faults.jsonl` when it is done; exits with 1 where one is not
100%.
"""

import argparse
import json
import math
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import sklearn.datasets  # noqa: F401 - what the searches would import, each on its own
import torch
import torch.utils.tensorboard
from about import about
from torch import Tensor

from radars.errors import RadarsError, RunError
from radars.nn import steps
from radars.run import CheckpointStore, RunDirectory, read_events, read_result
from radars.search import SearchConfig, run_search, workbench
from radars.seeds import stable_seed

RESULTS = Path(__file__).parent / "results" / "faults.jsonl"
SETTINGS: dict[str, Any] = {
    "space": "digits",
    "budget": "4MiB",
    "num_rounds": 2,
    "checkpoint_seconds": 0,
    "data": {"num_train": 200, "batch_size": 16},
    "explore": {"steps": 16, "update_every": 4, "samples": 2},
    "differentiate": {"steps": 4},
    "select": {"draws": 6, "draw_batches": 1, "candidates": 2, "rungs": [2, 3]},
}
_OF_THE_MACHINE = ("search_seconds", "peak_rss_bytes")
_SPOILED = stable_seed(stable_seed(0, "round", 0), 7)  # the seed of the eighth step
_FULL_FILE_BYTES = 20_000


@dataclass(frozen=True)
class Outcome:
    """How a try ended."""

    survived: bool
    equal: bool


@dataclass(frozen=True)
class Whole:
    """A search that nothing happened to.

    Attributes:
        ended: its result and its last checkpoint.
        seconds: what it took.
        num_checkpoints: how many it saved.
        checkpoint_bytes: of the last.
    """

    ended: tuple[Any, ...]
    seconds: float
    num_checkpoints: int
    checkpoint_bytes: int


Try = Callable[[Path, random.Random, Whole], Outcome]


def main() -> None:
    """Runs every try, prints the table, and appends a row for each kind of fault."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--scale", type=float, default=1.0, help="of the numbers of tries")
    parser.add_argument("--only", action="append", choices=KINDS, help="a kind; may be repeated")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    with tempfile.TemporaryDirectory(prefix="radars-faults-") as folder:
        root = Path(folder)
        whole = _measured(root / "whole", _search)
        spoiled = _measured(root / "spoiled", _spoiled_search)
        for kind, (number, attempt) in KINDS.items():
            if arguments.only and kind not in arguments.only:
                continue
            if attempt is _full_file_system and not _can_mount(root):
                continue
            draw = random.Random(f"{arguments.seed} {kind}")
            number = max(1, round(number * arguments.scale))
            about_it = spoiled if attempt is _nan_loss else whole
            outcomes = [
                attempt(root / f"{kind} {index}", draw, about_it) for index in range(number)
            ]
            rows.append({
                "fault": kind,
                "tries": number,
                "survived": sum(outcome.survived for outcome in outcomes),
                "equal": sum(outcome.equal for outcome in outcomes),
            })  # fmt: skip
            with RESULTS.open("a", encoding="utf-8") as file:
                file.write(json.dumps(about() | {"seed": arguments.seed} | rows[-1]) + "\n")
            print(f"{kind}: {rows[-1]}", file=sys.stderr, flush=True)
    print("| kind of fault | tries | survived | results equal |\n|---|---|---|---|")
    for row in rows:
        survived, equal = (row[name] / row["tries"] for name in ("survived", "equal"))
        print(f"| {row['fault']} | {row['tries']} | {survived:.0%} | {equal:.0%} |")
    sys.exit(any(row["survived"] < row["tries"] or row["equal"] < row["tries"] for row in rows))


def _killed(out: Path, draw: random.Random, whole: Whole) -> Outcome:
    """SIGKILL at any moment, also while it starts or saves."""
    pid = _start(out, _search)
    time.sleep(draw.random() * whole.seconds)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return _resumed(out, whole)


def _killed_while_it_saves(out: Path, draw: random.Random, whole: Whole) -> Outcome:
    """SIGKILL as soon as the temporary file of a checkpoint is there."""
    pid = _start(out, _search)
    wanted = draw.randrange(1, whole.num_checkpoints)
    store = CheckpointStore(out / "checkpoint")
    while not _has_ended(pid) and max(store.steps(), default=0) < wanted:
        time.sleep(0.001)
    while not _has_ended(pid) and not any((out / "checkpoint").glob(".*")):
        pass
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return _resumed(out, whole)


def _interrupted(out: Path, draw: random.Random, whole: Whole) -> Outcome:
    """SIGTERM, as a scheduler sends it; the search saves and leaves."""
    pid = _start(out, _search)
    _wait_for_checkpoint(pid, out, draw.randrange(1, whole.num_checkpoints))
    os.kill(pid, signal.SIGTERM)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    has_ended = read_result(out) is not None  # it was faster than the signal
    outcome = _resumed(out, whole)
    return Outcome(outcome.survived and (has_ended or status == 130), outcome.equal)


def _damaged(
    out: Path, draw: random.Random, whole: Whole, damage: Callable[[Path], None]
) -> Outcome:
    """Killed, and then the last checkpoint is damaged: the one before is used, and that is said."""
    pid = _start(out, _search)
    _wait_for_checkpoint(pid, out, draw.randrange(3, whole.num_checkpoints))
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    store = CheckpointStore(out / "checkpoint")
    *_, before, last = store.steps()
    damage(out / "checkpoint" / f"{last:08d}.safetensors")
    if read_result(out) is not None:  # it was faster than the signal
        (out / "result.json").unlink()
    with RunDirectory.resume(out) as run:
        is_said = any(event["event"] == "checkpoint_damaged" for event in run.read_events())
        is_used = run.resumed_step == before and run.damaged_steps == (last,)
    outcome = _resumed(out, whole)
    return Outcome(outcome.survived and is_said and is_used, outcome.equal)


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
    said = out.with_suffix(".txt")
    wanted = draw.randrange(2, whole.num_checkpoints)

    def search(out: Path) -> None:
        save = CheckpointStore.save

        def save_to_a_full_disk(store: CheckpointStore, step: int, *state: Any) -> None:
            if step >= wanted:
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                limits = _FULL_FILE_BYTES, resource.RLIM_INFINITY
                resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            save(store, step, *state)

        CheckpointStore.save = save_to_a_full_disk  # type: ignore[method-assign, assignment]
        try:
            _search(out)
        except RunError as error:
            said.write_text(str(error))

    os.waitpid(_start(out, search), 0)
    is_intact = CheckpointStore(out / "checkpoint").newest_intact_step() == (wanted - 1, [])
    outcome = _resumed(out, whole)
    return Outcome(outcome.survived and is_intact and _says_so(said), outcome.equal)


def _full_file_system(out: Path, draw: random.Random, whole: Whole) -> Outcome:
    """A file system in memory that has room for one or two checkpoints; later it is enlarged."""
    said = out.with_suffix(".txt")
    size = round(whole.checkpoint_bytes * draw.uniform(1.2, 2.8))
    out.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "radars", out], check=True)

    def search(folder: Path) -> None:
        try:
            _search(folder)
        except RunError as error:
            said.write_text(str(error))

    try:
        run = out / "run"
        os.waitpid(_start(run, search), 0)
        store = CheckpointStore(run / "checkpoint")
        is_intact = bool(store.steps()) and all(map(store.is_intact, store.steps()))
        subprocess.run(["mount", "-o", "remount,size=100m", out], check=True)
        outcome = _resumed(run, whole)
    finally:
        subprocess.run(["umount", out], check=True)
    return Outcome(outcome.survived and is_intact and _says_so(said), outcome.equal)


def _can_mount(root: Path) -> bool:
    folder = root / "mounted"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "radars", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        print("only root can mount a small file system: that row is left out", file=sys.stderr)
        return False
    subprocess.run(["umount", folder], check=True)
    return True


def _says_so(said: Path) -> bool:
    text = said.read_text() if said.exists() else ""
    return "cannot write" in text and "free the disk" in text and "\n" not in text


def _nan_loss(out: Path, draw: random.Random, whole: Whole) -> Outcome:
    """A batch is NaN; besides, the search is killed and resumed."""
    pid = _start(out, _spoiled_search)
    _wait_for_checkpoint(pid, out, draw.randrange(1, whole.num_checkpoints))
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    outcome = _resumed(out, whole)
    events = read_events(out / "events.jsonl")
    skipped = [event["count"] for event in events if event["event"] == "step_skipped"]
    return Outcome(outcome.survived and skipped == [1], outcome.equal)


def _second_owner(out: Path, draw: random.Random, whole: Whole) -> Outcome:
    """A second process is refused, until the first one is killed."""
    pid = _start(out, _search)
    _wait_for_checkpoint(pid, out, 1)
    refused = out.with_suffix(".txt")

    def second(out: Path) -> None:
        try:
            RunDirectory.resume(out).close()
        except RunError as error:
            refused.write_text(str(error))

    os.waitpid(_start(out, second), 0)
    is_alive = not _has_ended(pid)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    is_refused = refused.exists() and f"in use by process {pid};" in refused.read_text()
    outcome = _resumed(out, whole)
    return Outcome(outcome.survived and is_alive and is_refused, outcome.equal)


KINDS: dict[str, tuple[int, Try]] = {
    "process killed at any moment": (30, _killed),
    "process killed while it saves": (5, _killed_while_it_saves),
    "process told to stop": (5, _interrupted),
    "last checkpoint cut short": (5, _cut_short),
    "last checkpoint with a flipped bit": (5, _flipped),
    "files cannot grow while saving": (5, _full_disk),
    "file system full": (5, _full_file_system),
    "loss is NaN, and killed": (5, _nan_loss),
    "second process on the run, first killed": (5, _second_owner),
}


def _search(out: Path) -> None:
    """Starts the search, or goes on with it."""
    config = SearchConfig.model_validate(SETTINGS)
    run_search(config, out=out, resume=(out / "config.yaml").is_file())


def _spoiled_search(out: Path) -> None:
    """The same, but the batch of one step is NaN, in whichever sitting that step is."""

    def step(supernet: Any, example_B: Tensor, *rest: Any, **options: Any) -> Tensor:
        if torch.initial_seed() == _SPOILED:
            example_B = torch.full_like(example_B, math.nan)
        return steps.weights_step(supernet, example_B, *rest, **options)

    workbench.weights_step = step  # type: ignore[attr-defined]
    _search(out)


def _start(out: Path, run: Callable[[Path], None]) -> int:
    """Runs something in a process of its own, which has imported everything; returns its id."""
    assert threading.active_count() == 1
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        said = os.open(out.with_suffix(".err"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        os.dup2(said, 2)
        run(out)
        status = 0
    except RadarsError as error:
        print(error, file=sys.stderr, flush=True)
        status = error.exit_status
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def _has_ended(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _wait_for_checkpoint(pid: int, out: Path, step: int) -> None:
    store = CheckpointStore(out / "checkpoint")
    while not _has_ended(pid) and max(store.steps(), default=0) < step:
        time.sleep(0.001)


def _measured(out: Path, search: Callable[[Path], None]) -> Whole:
    start = time.monotonic()
    status = os.waitstatus_to_exitcode(os.waitpid(_start(out, search), 0)[1])
    seconds = time.monotonic() - start
    if status:
        raise SystemExit(f"the search that nothing happens to ended with {status}")
    [*_, last] = CheckpointStore(out / "checkpoint").steps()
    num_bytes = (out / "checkpoint" / f"{last:08d}.safetensors").stat().st_size
    return Whole(_ended(out), seconds, last, num_bytes)


def _resumed(out: Path, whole: Whole) -> Outcome:
    """Resumes, where the search did not end before, and compares."""
    search = _spoiled_search if "NaN" in out.name else _search
    is_alive = True
    if (read_result(out) or {}).get("status") != "completed":
        status = os.waitstatus_to_exitcode(os.waitpid(_start(out, search), 0)[1])
        is_alive = status == 0
        if not is_alive:
            said = out.with_suffix(".err").read_text()[-2000:]
            print(f"{out.name}: the resumed search ended with {status}: {said}", file=sys.stderr)
    return Outcome(is_alive, is_alive and _ended(out) == whole.ended)


def _ended(out: Path) -> tuple[Any, ...]:
    """The result and the last checkpoint, without what the machine decides."""
    result = dict(read_result(out) or {})
    checkpoint = CheckpointStore(out / "checkpoint").latest()
    assert checkpoint is not None
    values = dict(checkpoint.values["values"], seconds=None)
    tensors = {
        name: (
            str(tensor.dtype),
            sha256(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()).hexdigest(),
        )
        for name, tensor in checkpoint.tensors.items()
    }
    return {**result, **dict.fromkeys(_OF_THE_MACHINE)}, values, tensors


if __name__ == "__main__":
    main()
