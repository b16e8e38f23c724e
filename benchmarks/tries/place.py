"""`Place`: where a try works, and how it runs commands."""

import contextlib
import importlib
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch

from radars.cli.start import main as radars_main

_STATUSES = (0, 1, 2, 3, 130)
_MOST_SECONDS = 600  # of the wall clock: other work may be beside it
_MOST_LINES = 3  # of an error, with notes
_SPACE = """
from torch import nn


def net(choose):
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        choose("a", {"relu": nn.ReLU, "tanh": nn.Tanh, "skip": nn.Identity}),
        choose("b", {"conv": lambda: nn.Conv2d(4, 4, 3, padding=1), "skip": nn.Identity}),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 10),
    )
"""
QUICK = (
    *("--budget", "4MiB", "--set", "data.num_train=96", "--set", "data.batch_size=16"),
    *("--set", "method=random", "--set", "children.number=2", "--set", "children.steps=3"),
    *("--set", "loggers=[]", "--set", "num_threads=1"),
)
SPACE = ("--space", "space.py:net")


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str

    def problem(self, *expected: int, says: str = "") -> str | None:
        """What is wrong with it; None where it held."""
        lines = [line for line in self.err.splitlines() if line.startswith(("error", "stopped"))]
        if self.status not in (expected or _STATUSES):
            return f"ended with {self.status}: {self.err[-300:]!r}"
        if "Traceback" in self.err + self.out or len(lines) > _MOST_LINES:
            return f"a traceback, or many lines: {self.err[-300:]!r}"
        if self.status and not lines:
            return f"ended with {self.status} and said nothing: {self.err[-300:]!r}"
        if any(not letter.isprintable() for line in lines for letter in line):
            return f"moves the cursor: {self.err[-300:]!r}"
        return None if says in self.err else f"does not say {says!r}: {self.err[-300:]!r}"


@dataclass
class Place:
    """Where a try works: a copy of runs that were prepared, and what they were made from."""

    root: Path
    search: Path = field(init=False)
    begun: Path = field(init=False)
    train: Path = field(init=False)
    comparison: Path = field(init=False)

    def __post_init__(self) -> None:
        self.search, self.begun = self.root / "search", self.root / "begun"
        self.train, self.comparison = self.root / "train", self.root / "comparison"

    def run(self, *arguments: object, signal_at: tuple[int, float] | None = None) -> Ended:
        """Runs a command in a process of its own, which has imported everything.

        Args:
            arguments: the arguments of the command line.
            signal_at: a signal that it is sent, and after how many seconds.
        """
        pid = self.start(*arguments)
        if signal_at is not None:
            number, seconds = signal_at
            time.sleep(seconds)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        return self.ended(pid)

    def start(self, *arguments: object) -> int:
        """Starts a command; returns the id of its process."""
        pid = os.fork()
        if not pid:
            self._be_command([str(argument) for argument in arguments])
        return pid

    def ended(self, pid: int) -> Ended:
        """Waits for a process that was started."""
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        files = [self.root / f"{name}-{pid}.txt" for name in ("out", "err")]
        said = [file.read_text(errors="replace") if file.exists() else "" for file in files]
        return Ended(status, *said)

    def _be_command(self, arguments: list[str]) -> None:
        status = 99
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)  # ends what never ends
            signal.alarm(_MOST_SECONDS)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            for number, name in ((1, "out"), (2, "err")):
                file = self.root / f"{name}-{os.getpid()}.txt"
                os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
            os.chdir(self.root)
            torch.set_num_threads(1)
            sys.argv = ["radars", *arguments]
            radars_main()
        except SystemExit as error:
            status = error.code if isinstance(error.code, int) else int(error.code is not None)
        except BaseException as error:  # a traceback is what must not be
            print(f"Traceback: {error!r}", file=sys.stderr)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            with contextlib.suppress(OSError):
                (self.root / "modules").write_text("\n".join(sys.modules))
            os._exit(status)


Try = Callable[[Place, random.Random], str | None]
"""What did not hold; None where it did."""


def prepared(root: Path) -> Place:
    """A search that is completed, one that is begun, a training, and a comparison.

    What their commands import is imported here, too, so that no try takes time for it.
    """
    place = Place(root)
    (root / "space.py").write_text(_SPACE)
    (root / "comparison.yaml").write_text(
        "search: {space: 'space.py:net', budget: 4MiB, num_threads: 1, loggers: [],\n"
        "  data: {num_train: 96, batch_size: 16}, children: {number: 1, steps: 2}}\n"
        "grids: [{methods: [random], seeds: [0, 1]}]\n"
    )
    commands: list[tuple[object, ...]] = [
        ("search", *SPACE, *QUICK, "--out", "search"),
        ("train", "search/architecture.json", "--epochs", "1", "--set", "loggers=[]", "--out",
         "train"),
        ("export", "train", "--out", "net.pt2"),
        ("compare", "comparison.yaml", "--out", "comparison"),
        ("report", "search"),
    ]  # fmt: skip
    for command in commands:
        ended = place.run(*command)
        if ended.status:
            raise SystemExit(f"what is to be broken does not work: {command}: {ended}")
        for name in (root / "modules").read_text().splitlines():
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
    (root / "net.pt2").unlink()
    pid = running(place, place.begun)
    os.kill(pid, signal.SIGTERM)
    stopped = place.ended(pid)
    if stopped.problem(130):
        raise SystemExit(f"what is to be begun does not work: {stopped}")
    return place


def running(place: Place, out: Path) -> int:
    """Starts a search that takes long; returns its process when it has two checkpoints."""
    long = ("--set", "children.steps=100000", "--set", "checkpoint_seconds=0")
    pid = place.start("search", *SPACE, *QUICK, *long, "--out", out)
    while len(list(out.glob("checkpoint/[0-9]*.safetensors"))) < 2:
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            raise RuntimeError(f"it ended: {place.ended(pid)}")
        time.sleep(0.01)
    return pid
