"""How tries are run that let something go wrong with a search on digits, and resume it.

`faults.py` has the kinds of one process, `several.py` those of several, of users and of machines.
"""

import argparse
import importlib
import json
import os
import random
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
import torch.utils.tensorboard
from about import about, commit_of_here

from radars.engine import SearchConfig
from radars.engine.run import run_search
from radars.errors import RadarsError
from radars.runs.checkpoint import CheckpointStore
from radars.runs.read_run import read_result
from radars.testing import final_state

RESULTS = Path(__file__).parent / "results" / "faults.jsonl"
SETTINGS: dict[str, Any] = {
    "space": "digits",
    "budget": "4MiB",
    "num_rounds": 2,
    "checkpoint_seconds": 0,
    "data": {"num_train": 200, "batch_size": 16},
    "explore": {"steps": 16, "tuning_steps": 1, "reward_batches": 1, "ranker_draws": 4},
    "differentiate": {"steps": 4},
    "select": {"finalists": 2, "halving_steps": [2, 3]},
}
MOST_SAID = 2000  # letters of what a process said
_OF_THE_MACHINE = ("search_seconds", "peak_rss_bytes")


@dataclass(frozen=True)
class Outcome:
    """How a try ended.

    Attributes:
        survived: whether as it should.
        equal: whether with the result of a search that nothing happened to.
        said: by whom it did not survive for, or nothing.
    """

    survived: bool
    equal: bool
    said: str = ""

    def if_also(self, is_so: bool, otherwise: str) -> "Outcome":
        """The same, where something else is so, too; or what was otherwise."""
        if is_so:
            return self
        return Outcome(False, self.equal, "; ".join(filter(None, (otherwise, self.said))))


@dataclass(frozen=True)
class Whole:
    """A search that nothing happened to.

    Attributes:
        ended: its result and its last checkpoint.
        seconds: what it took.
        num_checkpoints: how many it saved.
        checkpoint_bytes: the size of the last.
    """

    ended: tuple[Any, ...]
    seconds: float
    num_checkpoints: int
    checkpoint_bytes: int


Try = Callable[[Path, random.Random, Whole], Outcome]
Search = Callable[[Path], None]


@dataclass(frozen=True)
class Kind:
    """A kind of fault.

    Attributes:
        tries: how many there are.
        attempt: one of them.
        search: what is run.
        is_possible: whether this machine and user can; by default they can.
    """

    tries: int
    attempt: Try
    search: Search
    is_possible: Callable[[Path], bool] = lambda folder: True


def run_kinds(kinds: Mapping[str, Kind], description: str) -> None:
    """Runs every try, appends a row for each kind of fault, and prints the table."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--scale", type=float, default=1.0, help="of the numbers of tries")
    parser.add_argument("--only", action="append", choices=kinds, help="a kind; may be repeated")
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    said = about() | {"commit": commit_of_here(), "seed": arguments.seed}
    rows = []
    with tempfile.TemporaryDirectory(prefix="radars-faults-") as folder:
        root = Path(folder)
        root.chmod(0o755)  # other users may look
        known: dict[Search, Whole] = {}  # a whole search takes a while
        for name in arguments.only or kinds:
            kind = kinds[name]
            if not kind.is_possible(root):
                print(f"{name}: not possible here, left out", file=sys.stderr, flush=True)
                continue
            if kind.search not in known:
                known[kind.search] = measured(root / f"whole {len(known)}", kind.search)
            draw = random.Random(f"{arguments.seed} {name}")
            number = max(1, round(kind.tries * arguments.scale))
            outcomes = []
            for index in range(number):
                outcomes.append(kind.attempt(root / f"{name} {index}", draw, known[kind.search]))
                print(f"{name} {index}: {outcomes[-1]}", file=sys.stderr, flush=True)
            rows.append({
                "fault": name,
                "tries": number,
                "survived": sum(outcome.survived for outcome in outcomes),
                "equal": sum(outcome.equal for outcome in outcomes),
                "said": [outcome.said for outcome in outcomes if outcome.said],
            })  # fmt: skip
            with arguments.results.open("a", encoding="utf-8") as file:
                file.write(json.dumps(said | rows[-1]) + "\n")
    print(_table(arguments.results, kinds))
    sys.exit(any(row["survived"] < row["tries"] or row["equal"] < row["tries"] for row in rows))


def _table(results: Path, kinds: Mapping[str, Kind]) -> str:
    """The newest row of each kind."""
    rows = [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()]
    newest = {row["fault"]: row for row in rows}
    columns = {
        "fault": "fault",
        "tries": "tries",
        "survived": "ended as it should",
        "equal": "same result, bit for bit",
        "date": "measured on",
    }
    lines = [list(columns.values()), ["---"] * len(columns)]
    lines += [[str(newest[kind][name]) for name in columns] for kind in kinds if kind in newest]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def search(out: Path) -> None:
    """Starts the search, or goes on with it."""
    config = SearchConfig.model_validate(SETTINGS)
    run_search(config, out=out, resume=(out / "config.yaml").is_file())


def start(out: Path, run: Callable[[Path], None], said: Path | None = None) -> int:
    """Runs something in a process of its own, which has imported everything; returns its id.

    Args:
        out: its run directory.
        run: what it runs.
        said: where its standard error goes; by default a file beside the directory.
    """
    assert threading.active_count() == 1
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        # PyTorch makes its pool of threads anew in a fork: here, and not in two threads at once,
        # where it may stop the process ("Invalid thread pool!")
        torch.set_num_threads(1)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        os.dup2(os.open(said or out.with_suffix(".err"), flags, 0o666), 2)
        run(out)
        status = 0
    except RadarsError as error:
        print(error, file=sys.stderr, flush=True)
        status = error.exit_status
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def status_of(pid: int) -> int:
    """The exit status of a process, when it has ended; minus the signal that killed it."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def has_ended(pid: int) -> bool:
    """Whether a process has ended; it is still to be waited for."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def wait_for_checkpoint(pid: int, out: Path, step: int) -> None:
    """Waits until a search has saved a step, or has ended."""
    store = CheckpointStore(out / "checkpoint")
    while not has_ended(pid) and max(store.steps(), default=0) < step:
        time.sleep(0.001)


def measured(out: Path, search: Search) -> Whole:
    """Runs a search that nothing happens to; what it imports is imported here first."""
    modules = out.with_suffix(".modules")

    def noting(out: Path) -> None:
        search(out)
        modules.write_text("\n".join(sys.modules))

    _run_whole(out.with_name(f"{out.name} first"), noting)
    for name in modules.read_text().splitlines():
        with suppress(ImportError):
            importlib.import_module(name)
    begin = time.monotonic()
    _run_whole(out, search)
    seconds = time.monotonic() - begin
    files = sorted((out / "checkpoint").glob("*.safetensors"))
    step = int(files[-1].stem) if files else 0
    return Whole(ended(out), seconds, step, files[-1].stat().st_size if files else 0)


def _run_whole(out: Path, search: Search) -> None:
    status = status_of(start(out, search))
    if status:
        said = out.with_suffix(".err").read_text()[-MOST_SAID:]
        raise SystemExit(f"the search that nothing happens to ended with {status}: {said}")


def resumed(
    out: Path,
    whole: Whole,
    said: Path | None = None,
    search: Callable[[Path], None] = search,
) -> Outcome:
    """Resumes, where the search did not end before, and compares."""
    if (read_result(out) or {}).get("status") != "completed":
        said = said or out.with_suffix(".err")
        status = status_of(start(out, search, said))
        if status:
            text = said.read_text()[-MOST_SAID:]
            return Outcome(False, False, f"the resumed search ended with {status}: {text!r}")
    return Outcome(True, ended(out) == whole.ended)


def ended(out: Path) -> tuple[Any, ...]:
    """Results and last checkpoints of the runs in there, without what the machine decides."""
    runs = sorted(file.parent for file in out.rglob("config.yaml"))
    return tuple((str(run.relative_to(out)), *_ended(run)) for run in runs)


def _ended(run: Path) -> tuple[Any, ...]:
    result = dict(read_result(run) or {})
    tensors, values = final_state(run)
    checksums = {
        name: (
            str(tensor.dtype),
            sha256(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()).hexdigest(),
        )
        for name, tensor in tensors.items()
    }
    return {**result, **dict.fromkeys(_OF_THE_MACHINE)}, values, checksums
