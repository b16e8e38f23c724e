"""`CheckpointStore`: states on disk, bit for bit, and never half of them.

A checkpoint is `<step>.safetensors`, with the SHA-256 of that file in `<step>.sha256` (in the form
that `sha256sum -c` reads). No pickle is written or loaded.
"""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from radars.errors import RunError, first_line
from radars.reading import open_file, parse_json, read_file
from radars.runs.files import TEMPORARY_SUFFIX, plain, replacing, unwritable_said, write_atomically
from radars.runs.state import State, join_state, split_state

# 2, 3: other policies and selections; 4: what the run is about; 5: `_digest`, what is to be gained
_FORMAT = "5"
_NUM_KEPT = 2
_LEAST_MAPPED_BYTES = 2**16
_TEMPORARY = re.escape(TEMPORARY_SUFFIX)
_LARGEST_HEADER_BYTES = 90_000_000  # safetensors reads no header of more than 100 MB


@dataclass(frozen=True)
class Checkpoint:
    """What was saved after `step`. The tensors are on the CPU, with the strides they had.

    Large ones are maps of the file, which are read as they are copied to where they belong, so
    that resuming does not hold everything twice. Who computes with one copies it first: it is
    aligned as the file happens to be.
    """

    step: int
    state: State


class CheckpointStore:
    """The checkpoints in a directory; the newest two are kept.

    Strides are kept because a resumed run must use the same kernels as one that was never
    interrupted: a momentum in channels-last comes back in channels-last. Tensors that shared
    memory come back with memory of their own.

    Args:
        directory: made when the first checkpoint is saved.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def save(self, step: int, state: Mapping[str, Any]) -> None:
        """Saves one checkpoint. Checkpoints of later steps, which are being redone, are removed.

        Args:
            step: the step of the work that is done; zero or more.
            state: its tensors have any shape, strides and device, and every dtype that safetensors
                has; its plain values are numbers (also NaN), strings, lists and dictionaries.

        Raises:
            RunError: it cannot be written; the checkpoints before it are as they were.
            TypeError: a value is not plain.
        """
        tensors, values = split_state(state)
        if step < 0 or "__metadata__" in tensors:
            raise ValueError(f"a step is 0 or more and no tensor is __metadata__, but got {step}")
        payloads, layouts = _pack(tensors)
        metadata = {
            "format": _FORMAT,
            "values": json.dumps(plain(values, "values")),
            "layouts": json.dumps(layouts),
        }
        metadata["digest"] = _digest(metadata, payloads)
        header_bytes = sum(map(len, metadata.values())) + sum(len(name) + 128 for name in tensors)
        if header_bytes > _LARGEST_HEADER_BYTES:
            raise RunError(
                f"the values of a checkpoint take at most {_LARGEST_HEADER_BYTES} bytes, "
                f"but got {header_bytes}; keep long histories in events.jsonl"
            )
        path = self._path(step)
        with unwritable_said(self._directory):
            self._directory.mkdir(exist_ok=True)
        with replacing(path) as temporary:
            save_file(payloads, temporary, metadata)
            # the checksum first: without its file it means nothing, the file is nothing without it
            write_atomically(_checksum_path(path), f"{_sha256(temporary)}  {path.name}\n")
        with unwritable_said(self._directory):
            self._prune(step)

    def remove_leftovers(self) -> None:
        """Removes what a process that was killed was about to write: the disk may need the room."""
        for path in self._directory.glob(f".*{TEMPORARY_SUFFIX}"):
            path.unlink(missing_ok=True)

    def steps(self) -> list[int]:
        """The steps that have a checkpoint, intact or not, in ascending order."""
        matches = (re.fullmatch(r"(\d+)\.safetensors", p.name) for p in self._directory.glob("*"))
        return sorted(int(match[1]) for match in matches if match)

    def is_intact(self, step: int) -> bool:
        """Whether the file is byte for byte what was saved, and holds together.

        A file that others have written may have a right checksum and lack a tensor.

        Raises:
            RunError: it is of another version of radars.
        """
        path = self._path(step)
        if not _has_its_size(path):  # or the checksum of a huge file would take for ever
            return False
        try:
            expected = read_file(_checksum_path(path), 10_000).split()[:1]
            return expected == [_sha256(path).encode()] and _holds_together(path)
        except OSError:
            return False

    def newest_intact_step(self) -> tuple[int | None, list[int]]:
        """The newest step that can be loaded (None without any), and the damaged ones after it.

        Raises:
            RunError: there are checkpoints, and all are damaged.
        """
        damaged: list[int] = []
        for step in reversed(self.steps()):
            if self.is_intact(step):
                return step, damaged
            damaged.append(step)
        if damaged:
            raise RunError(
                f"resuming needs an intact checkpoint, but in {self._directory} steps {damaged} "
                f"are damaged; start again with another --out"
            )
        return None, []

    def latest(self) -> Checkpoint | None:
        """Loads the newest intact checkpoint; None without any.

        Raises:
            RunError: there are checkpoints, and all are damaged.
        """
        step, _ = self.newest_intact_step()
        return None if step is None else self._read(step)

    def load(self, step: int) -> Checkpoint:
        """Loads the checkpoint of a step.

        Raises:
            RunError: it is missing or damaged.
        """
        if not self.is_intact(step):
            raise RunError(
                f"the checkpoint {self._path(step)} is missing or damaged; use the one before it"
            )
        return self._read(step)

    def _read(self, step: int) -> Checkpoint:
        path = self._path(step)
        try:
            with safe_open(path, framework="pt") as file:
                metadata = file.metadata()
                _check_format(path, metadata)
                layouts = parse_json(metadata["layouts"])
                names = file.keys()
                tensors = {n: _unpack(file.get_tensor(n), layouts.get(n)) for n in names}
            state = join_state(tensors, self.load_values(step))
        except _MALFORMED as error:
            raise _malformed(path, error) from error
        return Checkpoint(step, state)

    def load_values(self, step: int) -> dict[str, Any]:
        """Loads only the plain values of a step that is known to be intact.

        Raises:
            RunError: it has none: it is no checkpoint, whatever its checksum says.
        """
        path = self._path(step)
        try:
            with safe_open(path, framework="pt") as file:
                metadata = file.metadata()
            _check_format(path, metadata)
            values = json.loads(metadata["values"])  # NaN and infinity are among them
            if not isinstance(values, dict):
                raise ValueError("its values are not an object")
        except _MALFORMED as error:
            raise _malformed(path, error) from error
        return values

    def _path(self, step: int) -> Path:
        return self._directory / f"{step:08d}.safetensors"

    def _prune(self, step: int) -> None:
        kept = [earlier for earlier in self.steps() if earlier <= step][-_NUM_KEPT:]
        for path in self._directory.iterdir():
            # also what a crash left: a temporary file, or a checksum without its checkpoint
            match = re.fullmatch(r"(\d+)\.(safetensors|sha256)|\.\d+\..*" + _TEMPORARY, path.name)
            if match and (match[1] is None or int(match[1]) not in kept):
                path.unlink(missing_ok=True)


def _holds_together(path: Path) -> bool:
    """Whether values, layouts and the tensors' names, types and shapes are those of one state."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata()
            _check_format(path, metadata)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return bool(metadata["digest"] == _digest(metadata, tensors))
    except RunError:
        raise
    except _MALFORMED:
        return False


def _digest(metadata: Mapping[str, str], tensors: Mapping[str, Tensor]) -> str:
    """The digest of everything in a checkpoint but the numbers in its tensors."""
    kinds = sorted((name, str(t.dtype), list(t.shape)) for name, t in tensors.items())
    known = [metadata["values"], metadata["layouts"], kinds]
    return hashlib.sha256(json.dumps(known).encode()).hexdigest()


def _has_its_size(path: Path) -> bool:
    """Whether a file is as long as its header says."""
    try:
        with open_file(path) as file:
            header_bytes = int.from_bytes(file.read(8), "little")
            if header_bytes > _LARGEST_HEADER_BYTES:
                return False
            header = json.loads(file.read(header_bytes))
            del header["__metadata__"]
            end = max((entry["data_offsets"][1] for entry in header.values()), default=0)
            return bool(os.fstat(file.fileno()).st_size == 8 + header_bytes + end)
    except _MALFORMED:
        return False


_MALFORMED = (
    *(SafetensorError, OSError, LookupError, TypeError, ValueError),
    *(AttributeError, RuntimeError, OverflowError),  # RecursionError is a RuntimeError
)


def _malformed(path: Path, error: Exception) -> RunError:
    if isinstance(error, RunError):
        return error
    return RunError(
        f"{path} is not a checkpoint of radars: {first_line(error)}; remove it, to continue from "
        f"the one before, or start again with another --out"
    )


def _check_format(path: Path, metadata: Mapping[str, str] | None) -> None:
    known = (metadata or {}).get("format", "1")
    if known != _FORMAT:
        raise RunError(
            f"a checkpoint has the format {_FORMAT} of this version of radars, but {path} has "
            f"{known}; continue with the version that began the run, or start again with another "
            f"--out"
        )


def _pack(
    tensors: Mapping[str, Tensor],
) -> tuple[dict[str, Tensor], dict[str, tuple[list[int], list[int]]]]:
    # safetensors takes contiguous tensors only; any other goes in as the memory that it spans
    payloads: dict[str, Tensor] = {}
    layouts: dict[str, tuple[list[int], list[int]]] = {}
    storages: set[tuple[torch.device, int]] = set()
    for name, tensor in tensors.items():
        payload = tensor.detach().resolve_conj().resolve_neg()
        if payload.stride() != _contiguous_stride(payload.shape):
            layouts[name] = list(payload.shape), list(payload.stride())
            payload = payload.as_strided((_span(payload),), (1,))
        storage = payload.device, payload.untyped_storage().data_ptr()
        if storage in storages:
            payload = payload.clone()
        storages.add(storage)
        payloads[name] = payload
    return payloads, layouts


def _unpack(payload: Tensor, layout: tuple[list[int], list[int]] | None) -> Tensor:
    if payload.nbytes < _LEAST_MAPPED_BYTES:
        payload = payload.clone()  # aligned: a generator reads its state as whole words
    return payload if layout is None else payload.as_strided(*layout)


def _span(tensor: Tensor) -> int:
    if tensor.numel() == 0:
        return 0
    pairs = zip(tensor.shape, tensor.stride(), strict=True)
    return 1 + sum((size - 1) * stride for size, stride in pairs)


def _contiguous_stride(shape: torch.Size) -> tuple[int, ...]:
    return torch.empty(shape, device="meta").stride()


def _checksum_path(path: Path) -> Path:
    return path.with_suffix(".sha256")


def _sha256(path: Path) -> str:
    with open_file(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
