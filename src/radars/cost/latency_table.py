"""Latency from a table: what each candidate takes at its input shape, on any device.

A CSV file with the columns candidate, input_shape, milliseconds and perhaps choice, or a JSON list
of objects with these keys. A row with a choice is about that choice alone, and goes before a row
without. The rest of the network is the candidate `(fixed)`; without such a row it takes no time.
"""

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from radars.cost.metric import Additive, Metric
from radars.errors import ConfigError
from radars.example import InputShape, parts_of
from radars.reading import parse_json, read_file
from radars.space import SearchSpace
from radars.units import format_shape, parse_shape

FIXED = "(fixed)"
NANOSECONDS = 1e6  # of a millisecond

_MAX_FILE_BYTES = 50_000_000
_KEYS = ("candidate", "input_shape", "milliseconds")
_STEP = 2.0**-20  # of a millisecond: sums of its multiples are exact, in any order

Shapes = tuple[tuple[int, ...], ...]
"""The shape of each input of a candidate, with a first dimension for the batch: 1, or what a
network folds into it of one example, such as windows, which a table does not tell apart."""


@dataclass(frozen=True)
class LatencyRow:
    """One row of a table.

    Attributes:
        candidate: its name, or `FIXED` for what is not a candidate.
        shapes: the shapes of its inputs, for one example.
        milliseconds: that its forward pass takes.
        choice: the only choice that the row is about; None for every one.
    """

    candidate: str
    shapes: Shapes
    milliseconds: float
    choice: str | None = None

    @classmethod
    def of_fixed_part(cls, input_shape: InputShape, milliseconds: float) -> "LatencyRow":
        """The row of what is not a candidate."""
        return cls(FIXED, of_one(input_shape), milliseconds)

    @property
    def key(self) -> tuple[str | None, str, Shapes]:
        """What a table has once."""
        return self.choice, self.candidate, _in_table(self.shapes)

    def to_dict(self) -> dict[str, Any]:
        """The object of a JSON table."""
        own = {} if self.choice is None else {"choice": self.choice}
        shape = "+".join(format_shape(shape[1:]) for shape in self.shapes)
        return {
            "candidate": self.candidate,
            "input_shape": shape,
            "milliseconds": self.milliseconds,
        } | own


def read_latencies(path: Path) -> list[LatencyRow]:
    """Reads a table of latencies.

    Raises:
        ConfigError: it cannot be read, or a row is not of the form above; the row is named.
    """
    try:
        text = read_file(path, _MAX_FILE_BYTES).decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(
            f"cannot read the latencies {path}: {error.strerror}; check the path"
        ) from error
    except UnicodeError as error:
        raise ConfigError(
            f"a table of latencies is UTF-8 text, but {path} is not; save it as UTF-8"
        ) from error
    objects = _from_json(text, path) if path.suffix.lower() == ".json" else _from_csv(text, path)
    rows: dict[tuple[str | None, str, Shapes], LatencyRow] = {}
    for where, value in objects:
        row = _row(value, where)
        if row.key in rows:
            raise ConfigError(
                f"a table of latencies has a candidate and shape once, but {where} repeats "
                f"{row.candidate!r}; remove one"
            )
        rows[row.key] = row
    if not rows:
        raise ConfigError(
            f"a table of latencies has rows, but {path} has none; write a row for every candidate"
        )
    return list(rows.values())


def latency_metric(
    space: SearchSpace, input_shape: InputShape, rows: Iterable[LatencyRow]
) -> Metric:
    """`latency_ms` of the architectures of a space, from the rows of a table.

    Raises:
        ConfigError: the table lacks a candidate at its input shape; it is named.
    """
    known = {row.key: _exact(row.milliseconds) for row in rows}
    candidates = {name: dict.fromkeys(names, 0.0) for name, names in space.full.items()}
    missing = []
    for place in space.places(input_shape):
        for name in place.factories:
            shapes = _in_table(place.input_shapes)
            own = known.get((place.choice, name, shapes))
            taken = known.get((None, name, shapes)) if own is None else own
            if taken is None:
                missing.append((place.choice, name, place.input_shapes))
            else:
                candidates[place.choice][name] += taken
    if missing:
        choice, name, shapes = missing[0]
        shape = "+".join(format_shape(shape[1:]) for shape in shapes)
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise ConfigError(
            f"a table of latencies has every candidate at its input shape, but {name!r} of choice "
            f"{choice!r} at {shape}{more} is not there; add the row {name},{shape},MILLISECONDS"
        )
    fixed = known.get((None, FIXED, of_one(input_shape)), 0.0)
    return Metric((Additive(fixed, candidates),))


def of_one(input_shape: InputShape) -> Shapes:
    """The shape of each input of a network, for a batch of one."""
    return tuple((1, *shape) for shape in parts_of(input_shape))


def _in_table(shapes: Shapes) -> Shapes:
    return tuple((1, *shape[1:]) for shape in shapes)


def _exact(milliseconds: float) -> float:
    return math.floor(milliseconds / _STEP) * _STEP


def _from_json(text: str, path: Path) -> list[tuple[str, Mapping[str, Any]]]:
    try:
        values = parse_json(text)
    except ValueError as error:
        raise ConfigError(
            f"{path} is not JSON: {str(error).splitlines()[0]}; correct it, or name a CSV file .csv"
        ) from error
    if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
        raise ConfigError(
            f"a JSON table of latencies is a list of objects with {', '.join(_KEYS)}, but {path} "
            f"is not; write it so"
        )
    return [(f"object {number} of {path}", value) for number, value in enumerate(values, 1)]


def _from_csv(text: str, path: Path) -> list[tuple[str, Mapping[str, Any]]]:
    reader = csv.DictReader(io.StringIO(text, newline=""), restkey="more")
    try:
        columns: Sequence[str] = reader.fieldnames or ()
        lines = [(f"line {reader.line_num} of {path}", row) for row in reader]
    except csv.Error as error:
        raise ConfigError(f"{path} is not CSV: {error}; correct it") from error
    lacking = [key for key in _KEYS if key not in columns]
    if lacking:
        raise ConfigError(
            f"a CSV table of latencies has the columns {', '.join(_KEYS)}, but {path} lacks "
            f"{', '.join(lacking)}; add them"
        )
    return list(lines)


def _row(value: Mapping[str, Any], where: str) -> LatencyRow:
    unknown = [key for key in value if key not in (*_KEYS, "choice")]
    lacking = [key for key in _KEYS if value.get(key) in (None, "")]
    if unknown or lacking:
        raise ConfigError(
            f"a row of latencies has {', '.join(_KEYS)} and perhaps choice, but {where} "
            f"{'lacks ' + lacking[0] if lacking else 'has ' + repr(unknown[0])}; correct that row"
        )
    try:
        milliseconds = float(value["milliseconds"])
    except (TypeError, ValueError):
        milliseconds = math.nan
    if not 0.0 <= milliseconds < math.inf:
        raise ConfigError(
            f"milliseconds are a number from 0 up, but {where} has {value['milliseconds']!r}; "
            "correct it"
        )
    given = value["input_shape"]
    text = "x".join(map(str, given)) if isinstance(given, list) else str(given)
    try:
        shapes = tuple((1, *parse_shape(part.strip())) for part in text.split("+"))
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error
    choice = value.get("choice") or None
    return LatencyRow(
        str(value["candidate"]), shapes, milliseconds, None if choice is None else str(choice)
    )
