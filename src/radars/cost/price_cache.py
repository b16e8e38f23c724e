"""`PriceCache`: prices on disk, so that a candidate is traced once and not once a run.

A price is found by what it depends on: the candidate's content, the code of its classes, the batch,
the optimizer, the version of PyTorch. Where there is no such file, or it cannot be read or written,
or a row has been changed, candidates are traced.
"""

import contextlib
import hashlib
import os
import sqlite3
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path

import platformdirs
import torch
from torch import nn

from radars.space import content_of, is_library, modules_of, operations_of

DIRECTORY_VARIABLE = "RADARS_CACHE_DIR"

_FORMAT = 6  # to be raised when prices come to mean something else
_FILE_NAME = f"prices-{_FORMAT}.sqlite"
_TIMEOUT_SECONDS = 5.0

Numbers = tuple[int, ...]


def cache_directory() -> Path:
    """Where prices are kept: `RADARS_CACHE_DIR`, or the user's cache directory."""
    given = os.environ.get(DIRECTORY_VARIABLE)
    return Path(given) if given else platformdirs.user_cache_path("radars")


class PriceCache:
    """Numbers by key, in a file that processes share.

    Args:
        directory: where the file is; by default that of the environment's `RADARS_CACHE_DIR`, or
            the user's cache directory.
    """

    def __init__(self, directory: Path | None = None) -> None:
        self._path = (directory or cache_directory()) / _FILE_NAME

    def read(self) -> dict[str, Numbers]:
        """Everything that is known, of the rows that are as they were written."""
        known: dict[str, Numbers] = {}
        with contextlib.suppress(sqlite3.Error, OSError), self._open() as database:
            for key, numbers, checksum in database.execute(
                "SELECT key, numbers, checksum FROM prices"
            ):
                if checksum == _checksum(key, numbers):
                    known[key] = tuple(map(int, numbers.split(",")))
        return known

    def add(self, prices: Mapping[str, Numbers]) -> None:
        """Adds what is new; does nothing where the file cannot be written."""
        texts = {key: ",".join(map(str, numbers)) for key, numbers in prices.items()}
        rows = [(key, numbers, _checksum(key, numbers)) for key, numbers in texts.items()]
        with contextlib.suppress(sqlite3.Error, OSError), self._open() as database, database:
            database.executemany("INSERT OR REPLACE INTO prices VALUES (?, ?, ?)", rows)

    def _open(self) -> "contextlib.closing[sqlite3.Connection]":
        self._path.parent.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(self._path, timeout=_TIMEOUT_SECONDS)
        database.execute(
            "CREATE TABLE IF NOT EXISTS prices (key TEXT PRIMARY KEY, numbers TEXT, checksum TEXT)"
        )
        return contextlib.closing(database)


def _checksum(key: object, numbers: object) -> str:
    """The checksum of a row: one that was changed, or holds more than texts, has another."""
    return hashlib.sha256(f"{key!r}: {numbers!r}".encode()).hexdigest()


def price_key(
    candidate: nn.Module,
    input_shapes: Sequence[tuple[int, ...]],
    about: Iterable[object] = (),
    trace: Callable[[], str] | None = None,
) -> str | None:
    """The key of a candidate's price; None where what it does cannot be told for certain.

    Args:
        candidate: the candidate, on the meta device.
        input_shapes: the shape of each of its inputs, for a batch of one.
        about: what else the price depends on.
        trace: tells what it computes; by default its operations on floats of these shapes.
    """
    content = content_of(candidate)
    if content is None:
        return None
    bases = {base for module in candidate.modules() for base in type(module).__mro__}
    modules = {base.__module__ for base in bases} | modules_of(content)
    modules.discard("builtins")
    sources = sorted((name, _source_digest(name)) for name in modules)
    if any(source is None for _, source in sources):  # code that is not in a file
        return None
    known = [torch.__version__, content, sources, tuple(input_shapes), *about]
    if not all(map(is_library, modules)):
        try:  # a user's code may go by what is in other files, or in the environment
            known.append(trace() if trace else operations_of(candidate, *input_shapes))
        except Exception:
            return None
    return hashlib.sha256(repr(known).encode()).hexdigest()


@cache
def _source_digest(module_name: str) -> str | None:
    path = getattr(sys.modules.get(module_name), "__file__", None)
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest() if path else None
    except OSError:
        return None
