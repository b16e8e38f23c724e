"""What changes between two sittings of a run: its configuration, its space, what it has cached."""

import json
import random
import signal
import sqlite3

import yaml

from tries.place import QUICK, SPACE, Ended, Place


def configurations(place: Place, draw: random.Random) -> str | None:
    """A setting that decides the result is edited between two sittings: the run refuses."""
    file = place.begun / "config.yaml"
    config = yaml.safe_load(file.read_text())
    changeable = ("max_minutes", "max_skipped_steps", "checkpoint_seconds", "loggers", "executor")
    key = draw.choice([key for key in config if key not in changeable])
    how = draw.choice(["removed", "another", "emptied", "cut"])
    if how == "removed":
        del config[key]
    elif how == "another":
        config[key] = draw.choice([1_000_003, "another", {"another": 1}])
    text = yaml.safe_dump(config)
    if how == "cut":
        lines = text.splitlines(keepends=True)
        text = "".join(lines[: draw.randrange(len(lines) // 2)])
    file.write_text("" if how == "emptied" else text)
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
    ended = place.run("search", "--resume", "--max-minutes", 0.001, "--out", run)
    return ended.problem(0) if "comment" in new else ended.problem(2)


def prices(place: Place, draw: random.Random) -> str | None:
    """Rows of the cache of prices are changed: the plan is the same."""
    command = ("plan", *SPACE, "--input", "1x8x8", "--budget", "4MiB", "--json")
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


def killed_at_once(place: Place, draw: random.Random) -> str | None:
    """A search is killed as it starts: it is gone on with as it was begun, or refused."""
    seed, run = draw.randrange(1, 1000), place.root / "new"
    command = ("search", *SPACE, *QUICK, "--seed", seed, "--out", run)
    place.run(*command, signal_at=(signal.SIGKILL, draw.uniform(0, 0.8)))
    is_begun = (run / "config.yaml").exists()
    ended = place.run("search", "--resume", "--out", run)
    if not is_begun:
        return ended.problem(2, says="--resume")
    problem = ended.problem(0)
    if problem is None and json.loads((run / "result.json").read_text())["seed"] != seed:
        problem = "it has another seed"
    return problem
