"""Settings that nobody means, time limits, paths and signals."""

import json
import random
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import yaml

from tries.place import QUICK, SPACE, Ended, Place

_ABSURD = ["true", "-1", "0", "1e400", "nan", "inf", "9" * 400, "null", "[]", "{}", "''", "x" * 300,
           "${oc.env:HOME}", "!!python/object:os.system", "1e18", "\x1b[2J", "99999"]  # fmt: skip


def settings(place: Place, draw: random.Random) -> str | None:
    """A setting that nobody means: used, or refused with a line and nothing left behind."""
    config = yaml.safe_load((place.search / "config.yaml").read_text())
    keys = list(_leaves(config))
    key, value = draw.choice(keys), draw.choice(_ABSURD)
    options = (*QUICK, "--max-minutes", "0.001", "--set", f"{key}={value}", "--out", "new")
    ended = place.run("search", *SPACE, *options)
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


def time_limits(place: Place, draw: random.Random) -> str | None:
    """A limit that ends anywhere, also in the warm-up: an accuracy, or that nothing was scored."""
    method = draw.choice(["radars", "random", "evolution", "spos", "enas", "darts", "asha"])
    minutes = 10 ** draw.uniform(-5, -1.5)
    options = ("--set", f"method={method}", "--set", "children.steps=30", "--out", "new")
    ended = place.run("search", *SPACE, *QUICK, "--max-minutes", f"{minutes:.6f}", *options)
    problem = ended.problem(0)
    if problem is None:
        result = json.loads((place.root / "new" / "result.json").read_text())
        is_scored = result["validation_accuracy"] is not None
        if is_scored == ("nothing was scored" in ended.out):
            problem = f"accuracy {result['validation_accuracy']}, and it says: {ended.out[-400:]!r}"
    return problem and f"{method}, {minutes}: {problem}"


_ODD = ["a b", "a'b", 'a"b', "$(touch mark)", "`touch mark`", "a;touch mark", "-rf", "a*b", "ä b",
        "a&&touch mark", "a\\b", "!!"]  # fmt: skip


def quoted_paths(place: Place, draw: random.Random) -> str | None:
    """A path that a shell would read otherwise: printed commands name it as it is."""
    name = draw.choice(_ODD)
    ended = place.run("search", *SPACE, *QUICK, "--out", f"./{name}")
    problem = ended.problem(0)
    commands = [shlex.split(line) for line in ended.out.splitlines() if line.startswith("  radars")]
    if problem is None and not any(_names(command, name) for command in commands):
        problem = f"no command names it: {ended.out[-400:]!r}"
    for command in commands:
        if problem is None and command[1] in ("train", "report"):
            done = place.run(*command[1:], *(["--epochs", 1] if command[1] == "train" else []))
            problem = done.problem(0)
    return problem and f"{name}: {problem}"


def _names(command: list[str], name: str) -> bool:
    return any(part.removeprefix("./").split("/")[0] == name for part in command)


def signals(place: Place, draw: random.Random) -> str | None:
    """Ctrl-C or SIGTERM at any moment: the command was done, or says that it was stopped."""
    run = place.search
    commands: list[tuple[object, ...]] = [
        ("search", "--space", "digits", *QUICK, "--set", "children.steps=300", "--out", "new"),
        ("train", run / "architecture.json", "--epochs", 50, "--out", "new"),
        ("compare", "comparison.yaml", "--out", "new"),
        ("plan", "--space", "mobile"),
        ("evaluate", place.train),
        ("export", place.train, "--out", "net.pt2"),
        ("report", run),
        ("spaces",),
    ]
    command = draw.choice(commands)
    number = draw.choice([signal.SIGINT, signal.SIGTERM])
    is_fresh = draw.random() < 0.4
    seconds = draw.uniform(0.3, 6.0) if is_fresh else draw.uniform(0.05, 3.0)
    if is_fresh:  # it imports what it needs, as a user's does
        ended = _fresh(place, command, number, seconds)
    else:
        ended = place.run(*command, signal_at=(number, seconds))
    problem = ended.problem(0, 130)
    if problem is None and ended.status == 130 and "stopped" not in ended.err:
        problem = f"does not say that it was stopped: {ended.err!r}"
    return problem and f"{command[0]}: {problem}"


def _hear_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # which a shell ignores for what it runs behind


def _fresh(place: Place, command: tuple[object, ...], number: int, seconds: float) -> Ended:
    """Runs a command in a process that has imported nothing."""
    with subprocess.Popen(
        [sys.executable, "-m", "radars", *map(str, command)],
        cwd=place.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=_hear_ctrl_c,
    ) as process:  # fmt: skip
        time.sleep(seconds)
        process.send_signal(number)
        out, err = process.communicate()
    return Ended(process.returncode, out, err)
