"""Data that change between two sittings, and images that are none."""

import io
import os
import random
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from tries.place import QUICK, SPACE, Place

_CLASSES = ("first", "second")
_EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n"


def _png(draw: random.Random) -> bytes:
    file = io.BytesIO()
    pixels = np.frombuffer(draw.randbytes(64), np.uint8).reshape(8, 8)
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def _write_rows(file: Path, rows: list[tuple[bytes, int]]) -> None:
    images = [{"bytes": image, "path": None} for image, _ in rows]
    pq.write_table(pa.table({"image": images, "label": [label for _, label in rows]}), file)


def changed_data(place: Place, draw: random.Random) -> str | None:
    """Images or labels change between two sittings: the run refuses."""
    rows = [(_png(draw), index % 10) for index in range(120)]
    file = place.root / "images.parquet"
    _write_rows(file, rows)
    long = ("--set", "children.number=1000", "--max-minutes", 0.0001)
    begun = place.run("search", *SPACE, *QUICK, *long, "--data", file, "--out", "new")
    if begun.status:
        return begun.problem(0)
    kind = draw.choice(["same", "reversed", "fewer", "other image", "other label", "order"])
    index = draw.randrange(len(rows))
    if kind == "reversed":
        labels = [label for _, label in reversed(rows)]
        rows = [(image, label) for (image, _), label in zip(rows, labels, strict=True)]
    elif kind == "fewer":
        del rows[index:]
    elif kind == "other image":
        rows[index] = _png(draw), rows[index][1]
    elif kind == "other label":
        rows[index] = rows[index][0], 9 - rows[index][1]
    elif kind == "order":
        rows[0], rows[index - 1] = rows[index - 1], rows[0]
    _write_rows(file, rows)
    ended = place.run("search", "--resume", "--max-minutes", 0.0002, "--out", "new")
    problem = ended.problem(0) if kind == "same" else ended.problem(2)
    return problem and f"{kind}: {problem}"


def _ghostscript(root: Path) -> Path:
    """Puts a program where Ghostscript would be; returns the file that it leaves."""
    program = root / "bin" / "gs"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ntouch {root}/mark\n")
    program.chmod(0o755)
    path = os.environ["PATH"]
    if not path.startswith(str(program.parent)):
        os.environ["PATH"] = f"{program.parent}:{path}"
    return root / "mark"


def hostile_images(place: Place, draw: random.Random) -> str | None:
    """An image of a folder is none, or asks for a program: a line, and nothing is run."""
    folder = place.root / "images"
    for name in _CLASSES:
        (folder / "train" / name).mkdir(parents=True)
        for index in range(30):
            (folder / "train" / name / f"{index}.png").write_bytes(_png(draw))
    mark = _ghostscript(place.root)
    image = folder / "train" / _CLASSES[0] / f"{draw.randrange(30)}.png"
    kind = draw.choice(["eps", "bomb", "pipe", "device", "directory", "link", "sparse", "cut",
                        "svg", "wide", "empty", "random"])  # fmt: skip
    content = image.read_bytes()
    image.unlink()
    if kind == "eps":
        image.write_bytes(_EPS)
    elif kind == "bomb":
        Image.new("1", (30_000, 30_000)).save(image)
    elif kind == "pipe":
        os.mkfifo(image)
    elif kind in ("device", "link"):
        image.symlink_to("/dev/zero" if kind == "device" else "/etc/passwd")
    elif kind == "directory":
        image.mkdir()
    elif kind == "sparse":
        with image.open("wb") as file:
            file.truncate(2**38)
    elif kind == "wide":
        Image.new("I;16", (8, 8)).save(image)
    else:
        texts = {"cut": content[: len(content) // 2], "svg": b"<svg/>", "empty": b"",
                 "random": draw.randbytes(900)}  # fmt: skip
        image.write_bytes(texts[kind])
    ended = place.run("search", *SPACE, *QUICK, "--data", folder, "--out", "new")
    problem = ended.problem(0 if kind in ("directory", "link", "device") else 2, 2)
    if mark.exists():
        problem = "a program was run"
    if ended.status == 2 and (place.root / "new").exists():
        problem = problem or "a run is left behind"
    shutil.rmtree(folder)
    return problem and f"{kind}: {problem}"
