"""What a search survives where several processes, users, machines or services have to do with it.

As `faults.py`, of which it has the form and the file of results. Each try lets something go wrong
at a moment drawn from a seed, and resumes until the search or the comparison is done; its result,
and every tensor of its last checkpoint, are to be those of one that nothing happened to.

    python benchmarks/several.py
    python benchmarks/several.py --only "Ray workers and drivers killed, ten minutes"

Two users and two machines need root: users are numbers that nobody else has, a machine is a process
with a network, a host name and numbers of processes of its own, on the same disk. MLflow writes to
a local store and Weights & Biases offline, where they are installed.
"""

import ctypes
import importlib.util
import os
import random
import signal
import socket
import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from survival import (
    MOST_SAID,
    SETTINGS,
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

from radars.comparison.comparison_config import CompareConfig
from radars.comparison.run_comparison import run_comparison
from radars.engine import SearchConfig
from radars.engine.run import run_search
from radars.runs.read_run import read_result
from radars.tracking.progress import NoProgress

_USERS = (64_001, 64_002)
_NEW_NETWORK, _NEW_NAMES, _NEW_PROCESSES = 0x40000000, 0x04000000, 0x20000000  # clone(2)
_DIES_WITH_PARENT = 1  # prctl(2)
_MOST_KILLS = 3  # of one comparison, or one search on Ray
_MOST_SITTINGS = 12
_RAY_SECONDS = 600.0


def _stopped_and_continued(out: Path, draw: random.Random, whole: Whole) -> Outcome:
    """SIGSTOP at any moment, a second process, and SIGCONT; three times."""
    pid = start(out, search)
    said = []
    for _ in range(3):
        time.sleep(draw.random() * whole.seconds / 3)
        if has_ended(pid):
            break
        os.kill(pid, signal.SIGSTOP)
        if (out / "identity.json").exists():
            said.append(_refused(out, search, "second"))
        os.kill(pid, signal.SIGCONT)
    status = status_of(pid)
    outcome = resumed(out, whole).if_also(status == 0, f"it ended with {status}")
    return outcome.if_also(not any(said), "; ".join(filter(None, said)))


def _refused(out: Path, run: Callable[[Path], None], name: str) -> str | None:
    """Lets a second process try the same run; what was not as it should be."""
    said = out.with_suffix(f".{name}")
    status = status_of(start(out, run, said))
    text = said.read_text()
    is_refused = status in (1, 2) and len(text.splitlines()) == 1
    return None if is_refused else f"the second ended with {status}: {text[-MOST_SAID:]!r}"


def _shared(
    out: Path,
    draw: random.Random,
    whole: Whole,
    first: Callable[[Path], None],
    second: Callable[[Path], None],
    *,
    may_go_on: bool,
) -> Outcome:
    """While the first works, the second is refused; when it was killed, the second goes on.

    Where it may not write, it is refused, changes nothing, and the first goes on.
    """
    pid = start(out, first)
    wait_for_checkpoint(pid, out, draw.randrange(1, whole.num_checkpoints // 2))
    refused = None if has_ended(pid) else _refused(out, second, "second")
    is_alive = not has_ended(pid)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    if not may_go_on:
        before = _contents(out)
        refused = refused or _refused(out, second, "third")
        if _contents(out) != before:
            refused = "the second has changed a file"
    outcome = resumed(out, whole, search=second if may_go_on else first)
    return outcome.if_also(is_alive, "the first ended").if_also(refused is None, str(refused))


def _contents(out: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in out.rglob("*") if file.is_file()}


def _as_user(number: int, mask: int) -> Callable[[Path], None]:
    def run(out: Path) -> None:
        os.setgroups([])
        os.setgid(number)
        os.setuid(number)
        os.umask(mask)
        search(out)

    return run


def _two_users(out: Path, draw: random.Random, whole: Whole) -> Outcome:
    """In a folder that all may write to, with files that all may write to, or only their owner."""
    out.mkdir()
    out.chmod(0o777)
    mask = draw.choice([0o022, 0o000])
    first, second = (_as_user(number, mask) for number in _USERS)
    return _shared(out / "run", draw, whole, first, second, may_go_on=mask == 0)


def _on_another_machine(out: Path) -> None:
    """The search, in a network of its own, under another name, where no other process is seen."""
    if ctypes.CDLL(None).unshare(_NEW_NETWORK | _NEW_NAMES | _NEW_PROCESSES):
        raise OSError("no new namespaces")
    socket.sethostname("another")
    pid = os.fork()
    if not pid:
        ctypes.CDLL(None).prctl(_DIES_WITH_PARENT, signal.SIGKILL)
        search(out)
        return
    os._exit(max(0, status_of(pid)))


def _two_machines(out: Path, draw: random.Random, whole: Whole) -> Outcome:
    places = [search, _on_another_machine]
    draw.shuffle(places)
    return _shared(out, draw, whole, *places, may_go_on=True)


def _comparison(out: Path) -> None:
    """Four cells, two at a time."""
    settings = {**SETTINGS, "num_rounds": 1, "num_threads": 1, "executor": {"jobs": 1}}
    config = CompareConfig.model_validate({
        "search": settings,
        "grids": [{"methods": ["radars"], "seeds": [0, 1, 2, 3]}],
        "executor": {"jobs": 2},
    })  # fmt: skip
    done = run_comparison(config, out, NoProgress())
    if done.problem is not None:
        raise done.problem


def _comparison_killed(out: Path, draw: random.Random, whole: Whole) -> Outcome:
    """The comparison, or a process of it, is killed within cells; each time it is gone on with."""
    for _ in range(_MOST_KILLS):
        pid = start(out, _comparison)
        time.sleep(draw.random() * whole.seconds)
        victims = [pid, *_below(pid)]
        with suppress(ProcessLookupError):
            os.kill(draw.choice(victims), signal.SIGKILL)
        status = status_of(pid) if draw.random() < 0.5 else _left(pid)
        if status not in (0, 1, -signal.SIGKILL):
            return Outcome(False, False, f"it ended with {status}: {_said(out)}")
    return _gone_on_with(out, whole, _comparison)


def _left(pid: int) -> int:
    """Kills a process, too."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    return status_of(pid)


def _said(out: Path) -> str:
    return repr(out.with_suffix(".err").read_text()[-MOST_SAID:])


def _gone_on_with(out: Path, whole: Whole, run: Callable[[Path], None]) -> Outcome:
    """Runs it until it is done: processes that lost their parent may still be saving."""
    for _ in range(_MOST_SITTINGS):
        status = status_of(start(out, run))
        if not status:
            return resumed(out, whole, search=run)
        if len(out.with_suffix(".err").read_text().splitlines()) > 3:
            break
        time.sleep(1)
    return Outcome(False, False, f"it ended with {status}: {_said(out)}")


def _below(pid: int) -> list[int]:
    """The processes that a process has started, and those that these have."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if int((folder / "stat").read_text().rpartition(")")[2].split()[1]) == pid:
                found += [int(folder.name), *_below(int(folder.name))]
    return found


def _search_on_ray(out: Path) -> None:
    """Children in groups, trained by workers of a cluster that is started for the search."""
    if (read_result(out) or {}).get("status") == "completed":
        return  # a sitting before was not killed
    config = SearchConfig.model_validate({
        **SETTINGS, "method": "random", "num_threads": 1, "executor": {"name": "ray"},
        "children": {"number": 12, "steps": 30, "batch": 4},
    })  # fmt: skip
    run_search(config, out=out, resume=(out / "config.yaml").is_file())


def _ray_killed(out: Path, draw: random.Random, whole: Whole) -> Outcome:
    """Searches are begun one after the other, for ten minutes; workers and drivers are killed."""
    until = time.monotonic() + _RAY_SECONDS
    number, outcomes = 0, []
    while time.monotonic() < until:
        run = out.with_name(f"{out.name} {number}")
        number += 1
        for _ in range(_MOST_KILLS):
            pid = start(run, _search_on_ray)
            _kill_some(pid, draw, whole)
            status = status_of(pid)
            if status not in (0, 1, -signal.SIGKILL):
                return Outcome(False, False, f"it ended with {status}: {_said(run)}")
        outcomes.append(_gone_on_with(run, whole, _search_on_ray))
    print(f"{number} searches on Ray: {outcomes}", file=sys.stderr, flush=True)
    said = "; ".join(outcome.said for outcome in outcomes if outcome.said)
    is_equal = all(outcome.equal for outcome in outcomes)
    return Outcome(all(outcome.survived for outcome in outcomes), is_equal, said)


def _kill_some(pid: int, draw: random.Random, whole: Whole) -> None:
    """Kills workers at random, and perhaps the driver."""
    for _ in range(draw.randrange(3)):
        time.sleep(draw.random() * whole.seconds / 2)
        workers = [worker for worker in _below(pid) if _is_worker(worker)]
        if workers and not has_ended(pid):
            with suppress(ProcessLookupError):
                os.kill(draw.choice(workers), signal.SIGKILL)
    if draw.random() < 0.5:
        time.sleep(draw.random() * whole.seconds / 2)
        if not has_ended(pid):
            started = _below(pid)
            os.kill(pid, signal.SIGKILL)
            for process in started:  # what it has started would go on
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)


def _is_worker(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"ray::")
    return False


def _tracked_search(out: Path) -> None:
    """The search, whose curves go to services that are not reached."""
    os.environ |= {
        "MLFLOW_TRACKING_URI": f"sqlite:///{out.with_suffix('.db')}",
        "WANDB_MODE": "offline",
        "WANDB_SILENT": "true",
    }
    config = SearchConfig.model_validate({**SETTINGS, "loggers": ["mlflow", "wandb"]})
    run_search(config, out=out, resume=(out / "config.yaml").is_file())


def _tracked_and_killed(out: Path, draw: random.Random, whole: Whole) -> Outcome:
    """Killed twice at any moment: one run of MLflow's is the one, and it is finished."""
    for _ in range(2):
        pid = start(out, _tracked_search)
        time.sleep(draw.random() * whole.seconds)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    outcome = resumed(out, whole, search=_tracked_search)
    with sqlite3.connect(out.with_suffix(".db")) as store:
        [status] = store.execute(
            "SELECT status FROM runs WHERE run_uuid = ?", [(out / "mlflow_run").read_text().strip()]
        ).fetchone()
        [names] = store.execute("SELECT count(DISTINCT run_uuid) FROM metrics").fetchone()
    outcome = outcome.if_also(status == "FINISHED", f"the run of MLflow's is {status}")
    return outcome.if_also(names == 1, f"{names} runs of MLflow's have curves")


def _is_root(folder: Path) -> bool:
    return os.geteuid() == 0


def _has(*names: str) -> Callable[[Path], bool]:
    return lambda folder: all(map(importlib.util.find_spec, names))


KINDS = {
    "stopped and continued by signals, with a second process": Kind(10, _stopped_and_continued,
                                                                    search),
    "directory of two users": Kind(6, _two_users, search, _is_root),
    "directory of two machines": Kind(6, _two_machines, search, _is_root),
    "comparison with two jobs killed within cells": Kind(4, _comparison_killed, _comparison),
    "MLflow and W&B offline, killed": Kind(4, _tracked_and_killed, _tracked_search,
                                           _has("mlflow", "wandb")),
    "Ray workers and drivers killed, ten minutes": Kind(1, _ray_killed, _search_on_ray,
                                                        _has("ray")),
}  # fmt: skip


if __name__ == "__main__":
    run_kinds(KINDS, __doc__)
