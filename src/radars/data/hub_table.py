"""`HubTable`: a split as a table of the Hugging Face library `datasets`, of the hub or of parquet.

Only `hub`, `parquet` and `columns` import that library, too.
"""

from collections.abc import Mapping, Sequence
from typing import Any, final

import datasets
import numpy as np
import torch
from torch import Tensor

from radars.data.columns import Columns, find_columns
from radars.data.stored_split import Rows, StoredSplit, check_not_empty
from radars.errors import DataError, first_line


@final
class HubTable(StoredSplit):
    """A table with a column of images and one of labels among its columns."""

    def __init__(self, table: datasets.Dataset) -> None:
        self._table = table

    def __len__(self) -> int:
        return len(self._table)

    def rows(self, where: str, image_column: str | None, label_column: str | None) -> Rows:
        """See `StoredSplit`; columns are found by their types."""
        table = self._table
        columns = find_columns(table.features, where, image_column, label_column)
        check_not_empty(self, where)
        try:
            table = table.select_columns(list(columns))
            if not isinstance(table.features[columns.image], datasets.Image):
                table = table.cast_column(columns.image, datasets.Image())
        except Exception as error:  # a cast fails in as many ways as there are types
            raise DataError(
                f"columns {columns.image} and {columns.label} of {where} must hold encoded images "
                f"and their classes, but cannot be read as such ({first_line(error)}); store the "
                f"bytes of image files, and labels of the declared classes"
            ) from error
        return _HubRows(table.with_format("arrow"), columns, where)


@final
class _HubRows(Rows):
    def __init__(self, table: datasets.Dataset, columns: Columns, where: str) -> None:
        self._table = table
        self._columns = columns
        self.where = where
        feature = table.features[columns.label]
        is_declared = isinstance(feature, datasets.ClassLabel)
        self.class_names = list(feature.names) if is_declared else None

    def __len__(self) -> int:
        return len(self._table)

    def encoded(self, indices: Sequence[int]) -> list[Mapping[str, Any]]:
        """See `Rows`."""
        column = self._table[list(indices)].column(self._columns.image)
        nothing = {"bytes": None, "path": None}
        return [image or nothing for image in column.to_pylist()]

    def stored_labels(self) -> Tensor:
        """See `Rows`."""
        column = self._table.data.column(self._columns.label)
        if column.null_count:
            raise DataError(
                f"every example must have a label, but {column.null_count} of {self.where} have "
                f"none; remove them"
            )
        return torch.from_numpy(column.to_numpy().astype(np.int64))
