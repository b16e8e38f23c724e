"""A split as it is stored: encoded images and labels. N examples, K classes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import datasets
import numpy as np
import torch
from torch import Tensor

from radars.data.columns import Columns, find_columns
from radars.errors import DataError, first_line

UNKNOWN_LABEL = -1
"""The hub's convention for the label of a test example that is kept secret."""


@dataclass(frozen=True)
class Rows:
    """The rows of one split.

    Attributes:
        table: the rows; only the image and the label column.
        columns: the names of the two.
        where: names the split in errors.
    """

    table: datasets.Dataset
    columns: Columns
    where: str

    def __len__(self) -> int:
        return len(self.table)

    def encoded(self, indices: Sequence[int]) -> list[Mapping[str, Any]]:
        """The encoded images of some rows: `bytes`, or where that is None the `path` of a file."""
        column = self.table[list(indices)].column(self.columns.image)
        nothing = {"bytes": None, "path": None}
        return [image or nothing for image in column.to_pylist()]

    def name_of(self, index: int) -> str:
        """Names a row in errors."""
        return f"example {index} of {self.where}"

    @property
    def class_names(self) -> list[str] | None:
        """The names of the classes, where the source declares them."""
        feature = self.table.features[self.columns.label]
        return list(feature.names) if isinstance(feature, datasets.ClassLabel) else None

    def stored_labels(self) -> Tensor:
        """The labels as they are stored, not checked: int64 (N,).

        Raises:
            DataError: a label is missing.
        """
        column = self.table.data.column(self.columns.label)
        if column.null_count:
            raise DataError(
                f"every example must have a label, but {column.null_count} of {self.where} have "
                f"none; remove them"
            )
        return torch.from_numpy(column.to_numpy().astype(np.int64))

    def labels(self, num_classes: int) -> Tensor:
        """The labels, all from 0 to `num_classes` - 1: int64 (N,).

        Raises:
            DataError: a label is missing or out of range.
        """
        label_N = self.stored_labels()
        outside = (label_N < 0) | (label_N >= num_classes)
        if outside.any():
            index = int(outside.nonzero()[0])
            raise DataError(
                f"labels must be from 0 to {num_classes - 1}, but that of {self.name_of(index)} is "
                f"{int(label_N[index])}; correct or remove it"
            )
        return label_N


def open_rows(
    table: datasets.Dataset, where: str, image_column: str | None, label_column: str | None
) -> Rows:
    """Finds the columns of a table, and prepares it to be read.

    Raises:
        DataError: a column is missing or ambiguous, or there are no rows.
    """
    columns = find_columns(table.features, where, image_column, label_column)
    if not len(table):
        raise DataError(f"a split must have an example, but {where} is empty; fill or remove it")
    try:
        table = table.select_columns(list(columns))
        if not isinstance(table.features[columns.image], datasets.Image):
            table = table.cast_column(columns.image, datasets.Image())
    except Exception as error:  # a cast fails in as many ways as there are types
        raise DataError(
            f"columns {columns.image} and {columns.label} of {where} must hold encoded images and "
            f"their classes, but cannot be read as such ({first_line(error)}); store the bytes of "
            f"image files, and labels of the declared classes"
        ) from error
    return Rows(table.with_format("arrow"), columns, where)
