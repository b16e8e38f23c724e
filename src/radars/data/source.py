"""Finds a data set by its name, and opens it: its splits, not yet decoded."""

import logging
from dataclasses import dataclass
from pathlib import Path

import torch

from radars.data.data_config import DataConfig
from radars.data.local import open_local
from radars.data.split_names import SPLIT_NAMES
from radars.data.stored_split import UNKNOWN_LABEL, Rows, StoredSplit
from radars.errors import DataError
from radars.objects import check_no_object
from radars.registries import DATA_SOURCES

_logger = logging.getLogger(__name__)

_LONGEST_NAME = 200


@dataclass(frozen=True)
class Source:
    """An opened data set.

    Attributes:
        name: as the user wrote it.
        class_names: the classes, in the order of their labels.
        train: the training split.
        tables: every other split by name, not looked into.
        config: says which columns are wanted.
    """

    name: str
    class_names: tuple[str, ...]
    train: Rows
    tables: dict[str, StoredSplit]
    config: DataConfig

    @property
    def has_test(self) -> bool:
        """Whether the source has a split for tests."""
        return "test" in self.tables or "validation" in self.tables

    def test(self) -> Rows:
        """The test split: `test`, or `validation` where that is missing or its labels are secret.

        Raises:
            DataError: it cannot be used.
        """
        for split in ("test", "validation"):
            if split in self.tables:
                rows = _open_split(self.tables[split], split, self.config)
                if "validation" not in self.tables or split == "validation":
                    return rows
                if (rows.stored_labels() != UNKNOWN_LABEL).any():
                    return rows
        raise DataError(f"{self.name} must have a split named test or validation; add one")


def open_source(config: DataConfig) -> Source:
    """Opens the data set that `config.source` names.

    Raises:
        DataError: it is not found, or its training split cannot be used.
    """
    tables = _open_tables(config)
    train_table = tables.pop("train", None)
    if train_table is None and len(tables) == 1:
        _, train_table = tables.popitem()
    if train_table is None:
        found = ", ".join(tables) or "none"
        raise DataError(
            f"{config.source} must have a split named train, but its splits are {found}; rename one"
        )
    train = _open_split(train_table, "train", config)
    return Source(config.source, _class_names(train), train, tables, config)


def _open_split(table: StoredSplit, split: str, config: DataConfig) -> Rows:
    where = f"{config.source} [{split}]"
    return table.rows(where, config.image_column, config.label_column)


def _open_tables(config: DataConfig) -> dict[str, StoredSplit]:
    check_no_object("data set", config.source)
    if config.source in DATA_SOURCES:
        return dict(DATA_SOURCES.get(config.source)())
    path = _expanded(config.source)
    try:
        is_there = path.exists()
    except (OSError, ValueError):  # a name that no file can have
        is_there = False
    if is_there:
        return open_local(path, config.in_memory_bytes)
    if _looks_like_a_path(config.source):
        raise DataError(
            f"a source must exist, but there is no {config.source[:_LONGEST_NAME]}; check the "
            f"path, or give digits or the name of a data set on the Hugging Face hub"
        )
    try:
        from radars.data.hub import open_hub
    except ImportError as error:
        raise DataError(
            f"a source is digits, a path, or the name of a data set on the Hugging Face hub, but "
            f"{config.source} is no path, and the hub needs {error.name}, which is not installed; "
            f'pip install "radars-nas[hub]", or check the path'
        ) from error
    tables = open_hub(config.source)
    return {SPLIT_NAMES.get(name, name): table for name, table in tables.items()}


def _expanded(source: str) -> Path:
    try:
        return Path(source).expanduser()
    except RuntimeError:  # there is no such user
        return Path(source)


def _looks_like_a_path(source: str) -> bool:
    """Whether a source that does not exist cannot be meant as `name` or `owner/name` on the hub."""
    return (
        source.startswith(("/", ".", "~"))
        or source.endswith(".parquet")
        or source.count("/") > 1
        or len(source) > _LONGEST_NAME
        or not source.isprintable()
    )


def _class_names(train: Rows) -> tuple[str, ...]:
    """The classes: those that are declared, or the integers up to the largest label.

    Raises:
        DataError: a class has no training example.
    """
    label_N = train.stored_labels()
    declared = train.class_names
    num_classes = len(declared) if declared else max(int(label_N.max()) + 1, 0)
    label_N = train.labels(max(num_classes, 1))
    present = set(torch.unique(label_N).tolist())
    names = declared or [str(label) for label in range(min(num_classes, len(train) + 1))]
    missing = [name for label, name in enumerate(names) if label not in present]
    if missing and declared and len(train) < num_classes:  # a sample cannot hold every class
        _logger.warning(
            "%d of the %d classes have no example in %s, which has only %d",
            len(missing), num_classes, train.where, len(train),
        )  # fmt: skip
    elif missing:
        raise DataError(
            f"every class must have a training example, but {train.where} has none of class "
            f"{missing[0]} (labels run from 0 to {num_classes - 1}); add some, or renumber the "
            f"labels"
        )
    if num_classes < 2:
        raise DataError(
            f"data must have two classes or more, but {train.where} has {num_classes}; "
            f"check the labels"
        )
    return tuple(names)
