"""A split as it is stored: encoded images and labels. N examples, K classes."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor

from radars.errors import DataError

UNKNOWN_LABEL = -1
"""The hub's convention for the label of a test example that is kept secret."""


class Rows(ABC):
    """The rows of one split.

    Attributes:
        where: names the split in errors.
        class_names: the names of the classes, where the source declares them.
    """

    where: str
    class_names: list[str] | None

    @abstractmethod
    def __len__(self) -> int:
        """How many there are."""

    @abstractmethod
    def encoded(self, indices: Sequence[int]) -> list[Mapping[str, Any]]:
        """The encoded images of some rows: `bytes`, or where that is None the `path` of a file."""

    @abstractmethod
    def stored_labels(self) -> Tensor:
        """The labels as they are stored, not checked: int64 (N,).

        Raises:
            DataError: a label is missing.
        """

    def name_of(self, index: int) -> str:
        """Names a row in errors."""
        return f"example {index} of {self.where}"

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


class StoredSplit(ABC):
    """A split that is not looked into yet."""

    @abstractmethod
    def __len__(self) -> int:
        """How many rows it has."""

    @abstractmethod
    def rows(self, where: str, image_column: str | None, label_column: str | None) -> Rows:
        """Prepares it to be read.

        Args:
            where: names the split in errors.
            image_column: the user's choice, if any.
            label_column: likewise.

        Raises:
            DataError: a column is missing or ambiguous, or there are no rows.
        """


@final
@dataclass(frozen=True)
class ImageList(StoredSplit):
    """Images and their classes.

    Attributes:
        images: encoded, or the paths of their files.
        labels: the class of each.
        class_names: the names of the classes, in the order of the labels.
    """

    images: Sequence[bytes | str]
    labels: Sequence[int]
    class_names: Sequence[str]

    def __len__(self) -> int:
        return len(self.images)

    def rows(self, where: str, image_column: str | None, label_column: str | None) -> Rows:
        """See `StoredSplit`; the columns are called `image` and `label`."""
        for kind, chosen in (("image", image_column), ("label", label_column)):
            if chosen not in (None, kind):
                raise DataError(
                    f"{where} must have one {kind} column named {chosen!r}; its columns are image, "
                    f"label; leave {kind}_column out"
                )
        check_not_empty(self, where)
        return _ListedRows(self, where)


@final
class _ListedRows(Rows):
    def __init__(self, table: ImageList, where: str) -> None:
        self._table = table
        self.where = where
        self.class_names = list(table.class_names)

    def __len__(self) -> int:
        return len(self._table)

    def encoded(self, indices: Sequence[int]) -> list[Mapping[str, Any]]:
        """See `Rows`."""
        images = [self._table.images[index] for index in indices]
        return [
            {"bytes": None, "path": image}
            if isinstance(image, str)
            else {"bytes": image, "path": None}
            for image in images
        ]

    def stored_labels(self) -> Tensor:
        """See `Rows`."""
        return torch.tensor(self._table.labels, dtype=torch.int64)


def check_not_empty(table: StoredSplit, where: str) -> None:
    """Refuses a split without rows.

    Raises:
        DataError: it has none.
    """
    if not len(table):
        raise DataError(f"a split must have an example, but {where} is empty; fill or remove it")
