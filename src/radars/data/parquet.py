"""Data in parquet files."""

import re
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq

from radars.data.hub import quiet
from radars.data.hub_table import HubTable
from radars.data.split_names import SPLIT_NAMES
from radars.errors import DataError, first_line


def open_parquet(root: Path, paths: list[Path], in_memory_bytes: int) -> dict[str, HubTable]:
    """Opens parquet files: a table a split. Small ones are read without touching any cache.

    Args:
        root: the folder that they are in, or the only file.
        paths: the paths of the files.
        in_memory_bytes: files of more bytes than this go through the Hugging Face cache.

    Raises:
        DataError: one cannot be read, or it is not clear which split it is of.
    """
    files = {"train": paths} if paths == [root] else _by_split(root, paths)
    with quiet():
        tables = _open_tables(files, in_memory_bytes)
    return {split: HubTable(table) for split, table in tables.items()}


def _by_split(root: Path, files: list[Path]) -> dict[str, list[Path]]:
    """`train-00000-of-00002.parquet` and `train/0000.parquet` are both of the split `train`."""
    found: dict[str, list[Path]] = {}
    for file in files:
        words = [re.split("[^a-z]", part.lower())[0] for part in file.relative_to(root).parts]
        names = [SPLIT_NAMES[word] for word in words if word in SPLIT_NAMES]
        found.setdefault(names[0] if names else "", []).append(file)
    unnamed = found.pop("", [])
    if unnamed and found:
        raise DataError(
            f"every parquet file of {root} must be named after its split, as {', '.join(found)} "
            f"are, but {unnamed[0].name} is not; rename or remove it"
        )
    return found or {"train": unnamed}


def _open_tables(files: dict[str, list[Path]], in_memory_bytes: int) -> dict[str, datasets.Dataset]:
    num_bytes = sum(path.stat().st_size for paths in files.values() for path in paths)
    if num_bytes <= in_memory_bytes:
        return {split: _read_parquet(paths) for split, paths in files.items()}
    for paths in files.values():
        for path in paths:
            _parquet_schema(path)  # names the damaged file, which the library does not
    names = {split: [str(path) for path in paths] for split, paths in files.items()}
    try:
        return dict(datasets.load_dataset("parquet", data_files=names))
    except Exception as error:  # the library raises errors of many kinds
        first = next(iter(files.values()))[0]
        raise DataError(
            f"the parquet files beside {first} must be readable, but are not "
            f"({first_line(error)}); write them again"
        ) from error


def _parquet_schema(path: Path) -> pa.Schema:
    try:
        return pq.read_schema(path)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _damaged(path, error) from error


def _read_parquet(paths: list[Path]) -> datasets.Dataset:
    tables = []
    for path in paths:
        try:
            # one file, not a data set of files: no columns are made up from the names of folders
            tables.append(pq.ParquetFile(path).read())
        except (pa.ArrowException, OSError, ValueError) as error:
            raise _damaged(path, error) from error
    try:
        return datasets.Dataset(pa.concat_tables(tables))
    except Exception as error:  # arrow's own errors, and those of malformed Hugging Face metadata
        raise DataError(
            f"the parquet files of a split must have one schema that can be read, but those of "
            f"{paths[0]} do not ({first_line(error)}); write them again"
        ) from error


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(
        f"{path} must be a parquet file, but cannot be read ({first_line(error)}); "
        f"download or write it again"
    )
