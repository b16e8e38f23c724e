"""`read_table`: a published table from the user's file.

It is parsed as JSON or CSV, never executed or unpickled, and every number in it is checked.
"""

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeGuard

from radars.comparison.published_table import Entry, PublishedTable
from radars.cost import CostTable
from radars.errors import ConfigError, DataError, SpaceError, first_line
from radars.reading import read_file
from radars.space import Architecture
from radars.units import MIB, format_bytes
from radars.zoo import load_space
from radars.zoo.nasbench201 import architecture_of
from radars.zoo.nasbench_macro import from_table_key

_MOST_BYTES = 200 * MIB
_MOST_COST = 10**15


def read_table(spec: str, *, data: str = "cifar10") -> PublishedTable:
    """Reads a published table from a file.

    `nas-bench-macro` is the JSON file of Su et al., CVPR 2021. `nas-bench-201` is a CSV file with
    the column `cellstr` and, in percent, a column such as `cifar10-test` and perhaps `cifar10-val`;
    what its architectures cost is counted on the networks of the space.

    Args:
        spec: `NAME=PATH`, with NAME `nas-bench-macro` or `nas-bench-201`.
        data: the data set whose accuracies are read: `cifar10`; in `nas-bench-201`, also `cifar100`
            and `imagenet` (ImageNet16-120).

    Raises:
        ConfigError: there is no such table or file, or the table is not of these data.
        DataError: the file is too large, or not such a table: a column is missing, a number is out
            of range, an architecture is unknown or there twice.
    """
    name, _, file_name = spec.partition("=")
    if name not in _PUBLICATIONS or not file_name:
        raise ConfigError(
            f"a table is NAME=PATH with NAME one of {', '.join(_PUBLICATIONS)}, but got {spec!r}; "
            "write it like nas-bench-macro=FILE.json"
        )
    publication = _PUBLICATIONS[name]
    if data not in publication.data:
        raise ConfigError(
            f"the data of table {name} are one of {', '.join(publication.data)}, but got {data!r}; "
            "give one of these with --table-data, or leave --table out"
        )
    path = _expanded(Path(file_name))
    content = _content(path, name)
    try:
        return PublishedTable(name, publication.space, publication.entries(content, data))
    except (DataError, SpaceError) as error:
        raise DataError(f"{path} is not a table of {name}: {error}; download it again") from error


def _expanded(path: Path) -> Path:
    try:
        return path.expanduser()  # no shell does, behind NAME=
    except RuntimeError:  # there is no such user
        return path


def _content(path: Path, name: str) -> str:
    """The text of a file that the user names."""
    try:
        if not path.is_file():
            raise ConfigError(
                f"there is no file {str(path)!r}, which should hold table {name}; "
                "check the path, or download the table"
            )
        if path.stat().st_size > _MOST_BYTES:
            raise DataError(
                f"a table has at most {format_bytes(_MOST_BYTES)}, but {path} has more; "
                "give the published file alone"
            )
        content = read_file(path, _MOST_BYTES)
    except OSError as error:
        raise ConfigError(
            f"cannot read {path}, the table {name}: {error.strerror}; check its permissions"
        ) from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is not a table of {name}: it is not UTF-8 text: {error}; download it again"
        ) from error


def _macro_entries(content: str, data: str) -> dict[Architecture, Entry]:
    try:
        rows = json.loads(content, object_pairs_hook=_distinct_keys)
    except (ValueError, RecursionError) as error:
        raise DataError(f"it is not JSON: {first_line(error)}") from error
    if not isinstance(rows, dict):
        raise DataError(f"it is an object of architectures, but got a {type(rows).__name__}")
    entries = {}
    for key, row in rows.items():
        if not isinstance(row, dict):
            raise DataError(f"an entry is an object, but that of {key!r} is {_short(row)}")
        architecture = from_table_key(key)
        entries[architecture] = Entry(
            test_accuracy=_fraction(row.get("mean_acc"), f"'mean_acc' of {key!r}"),
            macs=_count(row.get("flops"), f"'flops' of {key!r}"),
            parameters=_count(row.get("params"), f"'params' of {key!r}"),
        )
    return entries


def _distinct_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) != len(pairs):
        [(twice, _)] = Counter(key for key, _ in pairs).most_common(1)
        raise ValueError(f"{_short(twice)} is there twice")
    return value


def _nasbench201_entries(content: str, data: str) -> dict[Architecture, Entry]:
    costs = _nasbench201_costs(data)
    entries: dict[Architecture, Entry] = {}
    for place, row in _csv_rows(content, ("cellstr", f"{data}-test")):
        architecture = architecture_of(row["cellstr"])
        if architecture in entries:
            raise DataError(f"an architecture is there once, but that of {place} is there twice")
        cost = costs.cost(architecture)
        validation = row.get(f"{data}-val")
        entries[architecture] = Entry(
            _csv_fraction(row[f"{data}-test"], f"{data}-test of {place}"),
            None if validation is None else _csv_fraction(validation, f"{data}-val of {place}"),
            cost.macs,
            cost.parameters,
        )
    return entries


@cache
def _nasbench201_costs(data: str) -> CostTable:
    num_classes, input_shape = _NASBENCH201_DATA[data]
    return CostTable.of(load_space("nasbench201", num_classes=num_classes), input_shape)


def _csv_rows(content: str, columns: Iterable[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yields the rows of a CSV file, each with where it is."""
    reader = csv.reader(io.StringIO(content, newline=""), strict=True)
    try:
        header = next(reader, [])
        for column in columns:
            if header.count(column) != 1:
                raise DataError(
                    f"it has one column {column!r}, but its columns are {_short(', '.join(header))}"
                )
        for cells in filter(None, reader):  # not the empty lines
            if len(cells) != len(header):
                raise DataError(
                    f"a row has the {len(header)} cells of the header, but line {reader.line_num} "
                    f"has {len(cells)}"
                )
            yield f"line {reader.line_num}", dict(zip(header, cells, strict=True))
    except csv.Error as error:
        raise DataError(f"it is not CSV: line {reader.line_num}: {error}") from error


def _csv_fraction(text: str, what: str) -> float:
    try:
        number: object = float(text)
    except ValueError:
        number = text
    return _fraction(number, what)


def _fraction(percentage: object, what: str) -> float:
    """A percentage as a fraction."""
    if not _is_number(percentage) or not 0 <= percentage <= 100:
        raise DataError(
            f"an accuracy is a percentage from 0 to 100, but {what} is {_short(percentage)}"
        )
    return percentage / 100


def _count(number: object, what: str) -> int:
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= _MOST_COST:
        raise DataError(
            f"a cost is a whole number from 0 to {_MOST_COST:.0e}, but {what} is {_short(number)}"
        )
    return number


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _short(value: object) -> str:
    text = f"a {type(value).__name__}" if isinstance(value, dict | list) else repr(value)
    return text if len(text) <= 100 else f"{text[:100]}..."


@dataclass(frozen=True)
class _Publication:
    """A kind of table: its space, its data sets, and how the content of its file is read."""

    space: str
    data: Collection[str]
    entries: Callable[[str, str], Mapping[Architecture, Entry]]


# the classes and the shape of one example of each data set
_NASBENCH201_DATA = {
    "cifar10": (10, (3, 32, 32)),
    "cifar100": (100, (3, 32, 32)),
    "imagenet": (120, (3, 16, 16)),
}

_PUBLICATIONS = {
    "nas-bench-macro": _Publication("nasbench-macro", ("cifar10",), _macro_entries),
    "nas-bench-201": _Publication("nasbench201", _NASBENCH201_DATA, _nasbench201_entries),
}
