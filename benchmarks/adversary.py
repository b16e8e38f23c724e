"""Tries to break radars as users, files and networks may; each try says what it expects.

Every kind of try is generated from a seed: files of a run that are replaced, cut or flipped;
configurations, spaces and prices that change between two sittings; networks that raise, return
anything or change what they are given; settings that nobody means; signals at any moment. A try is
held where the command ends in time, with a status that the README names, without a traceback on the
screen, with nothing changed outside of its directory, and as its kind says.

    python benchmarks/adversary.py                     # 500 tries and more; goes on where it was
    python benchmarks/adversary.py --seconds 60        # a sample: a few of each kind

Tries go to `benchmarks/results/adversary.jsonl`, or where `--results` says; the table of kind,
tries, held is printed, and the exit status is 1 where one did not hold. What is killed and resumed
bit for bit, and full disks, are in `faults.py`.
"""

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sklearn.datasets  # noqa: F401 - what the commands would import, each on its own
import torch
import yaml
from about import about

from radars.cli.start import main as radars_main

RESULTS = Path(__file__).parent / "results" / "adversary.jsonl"
_STATUSES = (0, 1, 2, 3, 130)
_MOST_SECONDS = 120
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
_QUICK = (
    *("--budget", "4MiB", "--set", "data.num_train=96", "--set", "data.batch_size=16"),
    *("--set", "method=random", "--set", "children.number=2", "--set", "children.steps=3"),
    *("--set", "loggers=[]", "--set", "num_threads=1"),
)


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
    """Where a try works: a copy of runs that were prepared, and a file beside them."""

    root: Path
    search: Path = field(init=False)
    begun: Path = field(init=False)
    train: Path = field(init=False)

    def __post_init__(self) -> None:
        self.search, self.begun = self.root / "search", self.root / "begun"
        self.train = self.root / "train"

    def run(self, *arguments: object, signal_at: tuple[int, float] | None = None) -> Ended:
        """Runs a command in a process of its own, which has imported everything."""
        out, err = self.root / "out.txt", self.root / "err.txt"
        pid = os.fork()
        if not pid:
            self._be_command([str(argument) for argument in arguments], out, err)
        if signal_at is not None:
            number, seconds = signal_at
            time.sleep(seconds)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        said = [path.read_text(errors="replace") if path.exists() else "" for path in (out, err)]
        return Ended(status, *said)

    def _be_command(self, arguments: list[str], out: Path, err: Path) -> None:
        status = 99
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)  # ends what never ends
            signal.alarm(_MOST_SECONDS)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            for number, path in ((1, out), (2, err)):
                os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
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
            os._exit(status)


Try = Callable[[Place, random.Random], str | None]
"""What did not hold; None where it did."""


def prepared(root: Path) -> Place:
    """A search that is completed, one that is begun, and a training."""
    place = Place(root)
    (root / "space.py").write_text(_SPACE)
    space = ("--space", "space.py:net")
    done = place.run("search", *space, *_QUICK, "--out", "search")
    begun = place.run("search", *space, *_QUICK, "--max-minutes", "0.0001", "--out", "begun")
    train = ("--epochs", "1", "--set", "loggers=[]", "--out", "train")
    trained = place.run("train", "search/architecture.json", *train)
    for ended in (done, begun, trained):
        if ended.status:
            raise SystemExit(f"what is to be broken does not work: {ended}")
    return place


# --- files


def _thing(path: Path, draw: random.Random, outside: Path) -> str:
    """Puts something else where a file is; returns what."""
    content = path.read_bytes() if path.is_file() else b"{}"
    kind = draw.choice(["pipe", "device", "directory", "link", "sparse", "cut", "flip", "random",
                        "deep", "huge number", "wrong type", "empty", "gone"])  # fmt: skip
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to(draw.choice(["/dev/zero", "/dev/full", "/dev/tty"]))
    elif kind == "directory":
        path.mkdir()
    elif kind == "link":
        path.symlink_to(outside)
    elif kind == "sparse":
        with path.open("wb") as file:
            file.truncate(2 ** draw.randrange(31, 40))
    elif kind != "gone":
        path.write_bytes(_spoiled(kind, content, draw))
    return kind


def _spoiled(kind: str, content: bytes, draw: random.Random) -> bytes:
    if kind == "cut":
        return content[: draw.randrange(len(content) + 1)]
    if kind == "flip":
        spoiled = bytearray(content or b"x")
        spoiled[draw.randrange(len(spoiled))] ^= 1 << draw.randrange(8)
        return bytes(spoiled)
    if kind == "random":
        return draw.randbytes(draw.randrange(1, 4000))
    if kind == "wrong type":
        return draw.choice([b"[]", b"null", b"7", b'"text"', b"[{}]", b'{"a": []}'])
    plain = {"deep": b"[" * 10_000, "huge number": b'{"a": ' + b"9" * 4000 + b"}", "empty": b""}
    return plain[kind]


def files_of_a_run(place: Place, draw: random.Random) -> str | None:
    """A file of a run is another thing; every command that reads it ends in a line."""
    run = draw.choice([place.search, place.begun, place.train])
    files = sorted(path for path in run.rglob("*") if path.is_file())
    outside = place.root / "outside"
    outside.write_text("mine")
    path = draw.choice(files)
    commands: dict[Path, list[tuple[object, ...]]] = {
        place.search: [("search", "--resume", "--out", run), ("report", run),
                       ("train", run / "architecture.json", "--epochs", 1, "--out", "new")],
        place.begun: [("search", "--resume", "--max-minutes", 0.001, "--out", run),
                      ("report", run)],
        place.train: [("evaluate", run), ("report", run),
                      ("export", run, "--out", place.root / "net.pt2")],
    }  # fmt: skip
    command = draw.choice(commands[run])
    kind = _thing(path, draw, outside)
    problem = place.run(*command).problem()
    if outside.read_text() != "mine":
        problem = "a file outside was written"
    return problem and f"{kind} for {path.relative_to(place.root)}, {command[0]}: {problem}"


def configurations(place: Place, draw: random.Random) -> str | None:
    """A setting that decides the result is edited between two sittings: the run refuses."""
    file = place.begun / "config.yaml"
    config = yaml.safe_load(file.read_text())
    changeable = ("max_minutes", "max_skipped_steps", "checkpoint_seconds", "loggers", "executor")
    key = draw.choice([key for key in config if key not in changeable])
    how = draw.choice(["removed", "another", "emptied"])
    if how == "removed":
        del config[key]
    elif how == "emptied":
        config = {}
    else:
        config[key] = draw.choice([1_000_003, "another", {"another": 1}])
    file.write_text(yaml.safe_dump(config) if config else "")
    if draw.random() < 0.3:
        (place.begun / "identity.json").unlink()
    return place.run("search", "--resume", "--out", place.begun).problem(2, says="config.yaml")


def spaces(place: Place, draw: random.Random) -> str | None:
    """The file of the space changes between two sittings: the run refuses, but for a comment."""
    old, new = draw.choice([
        ("nn.ReLU", "nn.SiLU"), ("nn.Tanh", "nn.Sigmoid"), ("3, padding=1", "1"),
        ('"skip": nn.Identity', '"keep": nn.Identity'), ("4, 10", "4, 10, False"),
        ("def net", "# a comment\ndef net"),
    ])  # fmt: skip
    text = (place.root / "space.py").read_text().replace(old, new)
    (place.root / "space.py").write_text(text)
    run = draw.choice([place.begun, place.search])
    ended = place.run("search", "--resume", "--max-minutes", 0.01, "--out", run)
    return ended.problem(0) if "comment" in new else ended.problem(2)


def prices(place: Place, draw: random.Random) -> str | None:
    """Rows of the cache of prices are changed: the plan is the same."""
    command = ("plan", "--space", "space.py:net", "--input", "1x8x8", "--budget", "4MiB", "--json")
    before = place.run(*command)
    [file] = (place.root / "cache").glob("prices-*.sqlite")
    value = draw.choice(["'-5,1,1,1,1'", "NULL", "x'00'", "'1,1'", "'1,1,1,1,1'", "7", "''", "'x'"])
    with sqlite3.connect(file) as database:
        database.execute(f"UPDATE prices SET {draw.choice(['numbers', 'checksum'])} = {value}")
    after = place.run(*command)
    return after.problem(0) or (None if _planned(after) == _planned(before) else "another plan")


def _planned(ended: Ended) -> dict[str, object]:
    """What a plan says, but for the time, which is measured."""
    said: dict[str, object] = json.loads(ended.out)
    return {key: value for key, value in said.items() if key != "expected_seconds"}


# --- networks

_CANDIDATES = {
    "in place": "nn.ReLU(inplace=True)",
    "dropout in place": "nn.Dropout(inplace=True)",
    "shared": "SHARED",
    "raises": "Does(lambda m, x: 1 / 0)",
    "raises in training": "Does(lambda m, x: 1 / 0 if m.training else x)",
    "leaves": "Does(lambda m, x: exit(0))",
    "leaves in training": "Does(lambda m, x: exit(0) if m.training else x)",
    "leaves at once": "exit(0)",
    "complex": "Does(lambda m, x: torch.complex(x, x))",
    "integer": "Does(lambda m, x: x.long())",
    "nothing": "Does(lambda m, x: None)",
    "two": "Does(lambda m, x: (x, x))",
    "a value": "Does(lambda m, x: x * float(x.mean()))",
    "wider": "nn.Conv2d(4, 5, 1)",
    "no module": "7",
    "escape": 'Does(lambda m, x: (_ for _ in ()).throw(ValueError("\\x1b[2J\\nnext")))',
    "backward": "Does(lambda m, x: Back.apply(x))",
    "sparse": "Sparse()",
}
_NETWORK = """
import torch
from torch import nn


class Does(nn.Module):
    def __init__(self, does):
        super().__init__()
        self.does = does

    def forward(self, x):
        return self.does(self, x)


class Back(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        raise RuntimeError("not back")


class Sparse(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(3, 1, sparse=True)

    def forward(self, x):
        return x + self.table(torch.zeros(1, dtype=torch.long, device=x.device)).sum()


SHARED = nn.Conv2d(4, 4, 1)


def net(choose):
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), {before}
        choose("the choice", {candidates}), {behind}
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 10),
    )
"""


def networks(place: Place, draw: random.Random) -> str | None:
    """A candidate does what it must not: a line names it, and no run is left behind."""
    kind = draw.choice(sorted(_CANDIDATES))
    candidates = [f'"bad": lambda: {_CANDIDATES[kind]}', '"skip": nn.Identity', '"tanh": nn.Tanh']
    draw.shuffle(candidates)
    text = _NETWORK.replace("{candidates}", "{" + ", ".join(candidates) + "}")
    text = text.replace("{before}", draw.choice(["", "nn.ReLU(),", "nn.BatchNorm2d(4),"]))
    text = text.replace("{behind}", draw.choice(["", "nn.ReLU(inplace=True),", "nn.Dropout(),"]))
    (place.root / "bad.py").write_text(text)
    method = draw.choice(["random", "radars", "spos", "darts", "enas"])
    options = (*_QUICK, "--set", f"method={method}", "--max-minutes", "0.01", "--out", "new")
    problem = place.run("search", "--space", "bad.py:net", *options).problem(1, 2, says="bad")
    if problem is None and (place.root / "new").exists():
        problem = "a run is left behind"
    return problem and f"{kind}, {method}: {problem}"


# --- settings and signals

_ABSURD = ["true", "-1", "0", "1e400", "nan", "inf", "9" * 400, "null", "[]", "{}", "''", "x" * 300,
           "${oc.env:HOME}", "!!python/object:os.system", "1e18", "\x1b[2J", "99999"]  # fmt: skip


def settings(place: Place, draw: random.Random) -> str | None:
    """A setting that nobody means: used, or refused with a line and nothing left behind."""
    config = yaml.safe_load((place.search / "config.yaml").read_text())
    keys = list(_leaves(config))
    key, value = draw.choice(keys), draw.choice(_ABSURD)
    options = (*_QUICK, "--max-minutes", "0.001", "--set", f"{key}={value}", "--out", "new")
    ended = place.run("search", "--space", "space.py:net", *options)
    problem = ended.problem()
    if problem is None and ended.status == 2 and (place.root / "new").exists():
        problem = "a run is left behind"
    return problem and f"{key}={value[:30]}: {problem}"


def _leaves(value: Any, key: str = "") -> Iterator[str]:
    if isinstance(value, dict) and value:
        for name, item in value.items():
            yield from _leaves(item, f"{key}.{name}" if key else name)
    else:
        yield key


def signals(place: Place, draw: random.Random) -> str | None:
    """Ctrl-C or SIGTERM at any moment: the command was done, or says that it was stopped."""
    run = place.search
    commands: list[tuple[object, ...]] = [
        ("search", "--space", "digits", *_QUICK, "--set", "children.steps=300", "--out", "new"),
        ("train", run / "architecture.json", "--epochs", 50, "--out", "new"),
        ("plan", "--space", "mobile"),
        ("evaluate", place.train),
        ("report", run),
        ("spaces",),
    ]
    command = draw.choice(commands)
    number = draw.choice([signal.SIGINT, signal.SIGTERM])
    ended = place.run(*command, signal_at=(number, draw.uniform(0.05, 4.0)))
    problem = ended.problem(0, 130)
    if problem is None and ended.status == 130 and "stopped" not in ended.err:
        problem = f"does not say that it was stopped: {ended.err!r}"
    return problem and f"{command[0]}: {problem}"


def overwritten(place: Place, draw: random.Random) -> str | None:
    """A report or an export is to be written over a file of a run: refused."""
    run = draw.choice([place.search, place.train])
    files = [path for path in sorted(run.rglob("*")) if path.is_file()]
    path = draw.choice(files)
    before = path.read_bytes()
    ended = place.run("report", run, "--out", path)
    if path.read_bytes() != before:
        return f"{path.name} was written over"
    return ended.problem(2)


KINDS: dict[str, tuple[int, Try]] = {
    "files of a run are other things": (160, files_of_a_run),
    "configuration edited between sittings": (50, configurations),
    "space edited between sittings": (30, spaces),
    "prices in the cache changed": (30, prices),
    "candidates that misbehave": (90, networks),
    "settings that nobody means": (90, settings),
    "signals at any moment": (40, signals),
    "written over a run": (20, overwritten),
}


def main() -> None:
    """Runs what is left of the tries, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, help="a sample: for so long, kind by kind")
    parser.add_argument("--only", action="append", choices=KINDS)
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    kinds = arguments.only or list(KINDS)
    lines = arguments.results.read_text().splitlines() if arguments.results.exists() else []
    known = {(row["kind"], row["seed"], row["try"]): row for row in map(json.loads, lines)}
    order = sorted((number, kind) for kind in kinds for number in range(KINDS[kind][0]))
    until = time.monotonic() + (arguments.seconds or float("inf"))
    rows = []
    with tempfile.TemporaryDirectory(prefix="radars-adversary-") as folder:
        root = Path(folder)
        os.environ["RADARS_CACHE_DIR"] = str(root / "work" / "cache")
        tempfile.tempdir = str(root)  # of tracebacks
        (root / "work").mkdir()
        template = prepared(root / "work")
        shutil.copytree(root / "work", root / "template")
        for number, kind in order:
            if time.monotonic() > until:
                break
            row = known.get((kind, arguments.seed, number))
            if row is None:
                row = _tried(kind, arguments.seed, number, template.root, root / "template")
                with arguments.results.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row) + "\n")
            rows.append(row)
    print(_table(rows))
    sys.exit(any(row["problem"] for row in rows))


def _tried(kind: str, seed: int, number: int, work: Path, template: Path) -> dict[str, Any]:
    """One try, in a fresh copy of what was prepared, at the same place."""
    shutil.rmtree(work)
    shutil.copytree(template, work, symlinks=True)
    problem = KINDS[kind][1](Place(work), random.Random(f"{seed} {kind} {number}"))
    if problem:
        print(f"{kind} {number}: {problem}", file=sys.stderr, flush=True)
    return about() | {"kind": kind, "seed": seed, "try": number, "problem": problem}


def _table(rows: list[dict[str, Any]]) -> str:
    lines = ["| kind | tries | held |", "|---|---|---|"]
    for kind in dict.fromkeys(row["kind"] for row in rows):
        own = [row for row in rows if row["kind"] == kind]
        lines.append(f"| {kind} | {len(own)} | {sum(not row['problem'] for row in own)} |")
    held = sum(not row["problem"] for row in rows)
    return "\n".join([*lines, f"| all | {len(rows)} | {held} |"])


if __name__ == "__main__":
    main()
