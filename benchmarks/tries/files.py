"""Files that are other things than they should be, and files that are to be written over a run."""

import os
import random
import shutil
from pathlib import Path

from tries.place import QUICK, SPACE, Place


def put_thing(path: Path, draw: random.Random, outside: Path) -> str:
    """Puts something else where a file is; returns what.

    Args:
        path: where the file is.
        draw: draws what.
        outside: where a link points.
    """
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


def _tried(
    place: Place, draw: random.Random, path: Path, command: tuple[object, ...]
) -> str | None:
    """Runs a command that reads a file, which is another thing."""
    outside = place.root / "outside"
    outside.write_text("mine")
    kind = put_thing(path, draw, outside)
    problem = place.run(*command).problem()
    if outside.read_text() != "mine":
        problem = "a file outside was written"
    return problem and f"{kind} for {path.relative_to(place.root)}, {command[0]}: {problem}"


def files_of_a_run(place: Place, draw: random.Random) -> str | None:
    """A file of a run is another thing; every command that reads it ends in a line."""
    run = draw.choice([place.search, place.begun, place.train])
    path = draw.choice(sorted(path for path in run.rglob("*") if path.is_file()))
    commands: dict[Path, list[tuple[object, ...]]] = {
        place.search: [("search", "--resume", "--out", run), ("report", run),
                       ("train", run / "architecture.json", "--epochs", 1, "--out", "new")],
        place.begun: [("search", "--resume", "--max-minutes", 0.001, "--out", run),
                      ("report", run)],
        place.train: [("evaluate", run), ("report", run),
                      ("export", run, "--out", place.root / "net.pt2")],
    }  # fmt: skip
    return _tried(place, draw, path, draw.choice(commands[run]))


def files_of_a_comparison(place: Place, draw: random.Random) -> str | None:
    """A file of a comparison is another thing, or a stray one is put there."""
    out = place.comparison
    files = [path for path in sorted(out.rglob("*")) if path.is_file()]
    strays = [out / "default" / "random" / "seed-x", out / "default" / "7", out / "stray.jsonl"]
    path = draw.choice(files + strays)
    commands: list[tuple[object, ...]] = [
        ("compare", "comparison.yaml", "--out", out),
        ("report", out),
        ("compare", "comparison.yaml", "--seeds", "0-2", "--out", out),
    ]
    return _tried(place, draw, path, draw.choice(commands))


def given_files(place: Place, draw: random.Random) -> str | None:
    """A file that the user names is another thing."""
    out = ("--out", "new")
    file = place.root / "given"
    latency = ("--constraint", "latency_ms<=5", "--set", "costs.latency_table=given")
    commands: dict[str, tuple[object, ...]] = {
        "config": ("search", "--config", file, *QUICK, *out),
        "comparison": ("compare", file, *out),
        "architecture": ("train", file, "--epochs", 1, *out),
        "latencies": ("search", *SPACE, *QUICK, *latency, *out),
        "table": ("compare", "--table", f"nas-bench-macro={file}", "--controllers-only",
                  "--methods", "random", *out),
        "parquet": ("search", *SPACE, *QUICK, "--data", "given.parquet", *out),
        "price cache": ("plan", *SPACE, "--input", "1x8x8", "--budget", "4MiB"),
        "space": ("plan", "--space", "given.py:net", "--input", "1x8x8"),
    }  # fmt: skip
    name = draw.choice(sorted(commands))
    contents = {"config": "space: space.py:net\n", "comparison": "comparison.yaml"}
    path = {"parquet": place.root / "given.parquet", "space": place.root / "given.py"}.get(
        name, file
    )
    if name == "price cache":
        [path] = (place.root / "cache").glob("prices-*.sqlite")
    elif name == "architecture":
        shutil.copy(place.search / "architecture.json", path)
    else:
        path.write_text(contents.get(name, "choice,candidate,input,ms\n"))
    problem = _tried(place, draw, path, commands[name])
    return problem and f"{name}: {problem}"


def overwritten(place: Place, draw: random.Random) -> str | None:
    """A report or an export is to be written over a file of a run: refused."""
    run = draw.choice([place.search, place.train])
    path = draw.choice([path for path in sorted(run.rglob("*")) if path.is_file()])
    before = path.read_bytes()
    commands: list[tuple[object, ...]] = [
        ("report", place.search, "--out", path),
        ("export", place.train, "--out", path),
    ]
    ended = place.run(*draw.choice(commands))
    if path.read_bytes() != before:
        return f"{path.name} was written over"
    return ended.problem(2)
