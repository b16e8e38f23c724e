"""Checkpoints that somebody has written, with a right checksum."""

import hashlib
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from tries.place import Place

Tensors = dict[str, Tensor]
Metadata = dict[str, str]


def _drop(tensors: Tensors, metadata: Metadata, draw: random.Random) -> None:
    del tensors[draw.choice(sorted(tensors))]


def _reshape(tensors: Tensors, metadata: Metadata, draw: random.Random) -> None:
    name = draw.choice(sorted(tensors))
    tensors[name] = torch.zeros(draw.choice([(0,), (1,), (7, 3), (2**20,)]))


def _retype(tensors: Tensors, metadata: Metadata, draw: random.Random) -> None:
    name = draw.choice(sorted(tensors))
    tensors[name] = tensors[name].to(draw.choice([torch.int8, torch.float64, torch.bool]))


def _rename(tensors: Tensors, metadata: Metadata, draw: random.Random) -> None:
    name = draw.choice(sorted(tensors))
    tensors[draw.choice(["x", "run", "run/position", "run/method/x", "/"])] = tensors.pop(name)


def _unsay(tensors: Tensors, metadata: Metadata, draw: random.Random) -> None:
    del metadata[draw.choice(["values", "layouts", "digest"])]


def _say_else(tensors: Tensors, metadata: Metadata, draw: random.Random) -> None:
    key = draw.choice(["values", "layouts", "digest"])
    metadata[key] = draw.choice(["", "[]", "null", "[" * 10_000, '{"run": 1}', "9" * 4000, "{}"])


def _change_a_value(tensors: Tensors, metadata: Metadata, draw: random.Random) -> None:
    values = json.loads(metadata["values"])
    _spoil(values, draw)
    metadata["values"] = json.dumps(values)


def _spoil(values: dict[str, Any], draw: random.Random) -> None:
    """Changes one value somewhere within."""
    name = draw.choice(sorted(values))
    if isinstance(values[name], dict) and values[name] and draw.random() < 0.8:
        _spoil(values[name], draw)
    elif draw.random() < 0.4:
        del values[name]
    else:
        values[name] = draw.choice([None, -1, 10**30, "text", [], {}, [[]], float("nan")])


def _digest_again(tensors: Tensors, metadata: Metadata) -> None:
    """As a checkpoint says of itself; whoever forges one may do so, too."""
    kinds = sorted((name, str(t.dtype), list(t.shape)) for name, t in tensors.items())
    known = json.dumps([metadata.get("values"), metadata.get("layouts"), kinds])
    metadata["digest"] = hashlib.sha256(known.encode()).hexdigest()


_FORGERIES: dict[str, Callable[[Tensors, Metadata, random.Random], None]] = {
    "a tensor is missing": _drop,
    "another shape": _reshape,
    "another type": _retype,
    "another name": _rename,
    "something is not said": _unsay,
    "something else is said": _say_else,
    "a value is another": _change_a_value,
}


def _write(file: Path, tensors: Tensors, metadata: Metadata) -> None:
    save_file(tensors, file, metadata)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    file.with_suffix(".sha256").write_text(f"{digest}  {file.name}\n")


def forged_checkpoints(place: Place, draw: random.Random) -> str | None:
    """The newest checkpoint is forged: the one before is used; or the run ends in a line.

    The latter where it fits together, and is of something else. A line of events is never lost.
    """
    [before, last] = sorted((place.begun / "checkpoint").glob("*.safetensors"))
    with safe_open(last, framework="pt") as file:
        metadata = dict(file.metadata())
        tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    kind = draw.choice(sorted(_FORGERIES))
    _FORGERIES[kind](tensors, metadata, draw)
    is_consistent = draw.random() < 0.4
    if is_consistent:
        _digest_again(tensors, metadata)
    _write(last, tensors, metadata)
    if draw.random() < 0.2:  # what is not of a step
        shutil.copy(before, before.with_name("99999999999999999999.safetensors"))
    ended = place.run("search", "--resume", "--max-minutes", 0.001, "--out", place.begun)
    problem = ended.problem() if is_consistent else ended.problem(0)
    if problem is None and not is_consistent:
        events = (place.begun / "events.jsonl").read_text()
        if f'"event": "resumed", "step": {int(before.stem)}' not in events:
            said = [line for line in events.splitlines() if '"resumed"' in line]
            problem = f"it does not go on from {before.stem}, before {last.stem}: {said}"
    return problem and f"{kind}, {'consistent' if is_consistent else 'plain'}: {problem}"
