"""`PriceCache`: prices on disk, so that a candidate is traced once and not once a run.

A price is found by what it depends on: the candidate's content, the code of its classes, the batch,
the optimizer, the version of PyTorch. Where there is no such file, or it cannot be read or written,
candidates are traced.
"""

import contextlib
import hashlib
import os
import sqlite3
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

import platformdirs
import torch
from torch import nn

from radars.space import content_of

DIRECTORY_VARIABLE = "RADARS_CACHE_DIR"

_FORMAT = 5  # to be raised when prices come to mean something else
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
        """Everything that is known; nothing where the file cannot be read."""
        known: dict[str, Numbers] = {}
        with contextlib.suppress(sqlite3.Error, OSError, ValueError), self._open() as database:
            for key, numbers in database.execute("SELECT key, numbers FROM prices"):
                known[key] = tuple(map(int, numbers.split(",")))
        return known

    def add(self, prices: Mapping[str, Numbers]) -> None:
        """Adds what is new; does nothing where the file cannot be written."""
        rows = [(key, ",".join(map(str, numbers))) for key, numbers in prices.items()]
        with contextlib.suppress(sqlite3.Error, OSError), self._open() as database, database:
            database.executemany("INSERT OR REPLACE INTO prices VALUES (?, ?)", rows)

    def _open(self) -> "contextlib.closing[sqlite3.Connection]":
        self._path.parent.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(self._path, timeout=_TIMEOUT_SECONDS)
        database.execute("CREATE TABLE IF NOT EXISTS prices (key TEXT PRIMARY KEY, numbers TEXT)")
        return contextlib.closing(database)


def price_key(candidate: nn.Module, about: Iterable[object]) -> str | None:
    """The key of a candidate's price; None where what it does cannot be told for certain.

    Args:
        candidate: the candidate.
        about: what else the price depends on.
    """
    sources = {_source_digest(type(module).__module__) for module in candidate.modules()}
    content = content_of(candidate)
    if content is None or None in sources:  # a setting, or code that is not in a file
        return None
    known = (torch.__version__, content, sorted(map(str, sources)), *about)
    return hashlib.sha256(repr(known).encode()).hexdigest()


@cache
def _source_digest(module_name: str) -> str | None:
    path = getattr(sys.modules.get(module_name), "__file__", None)
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest() if path else None
    except OSError:
        return None
