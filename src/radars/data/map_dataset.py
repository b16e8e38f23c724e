"""`MapDataset`: any map-style data set; its examples and targets, read and checked.

Shapes: N examples, C channels of an image or a signal, or columns of a table.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import TensorDataset

from radars.errors import DataError, first_line

_IMAGE_KEYS = ("image", "img", "pixel_values", "x")
_LABEL_KEYS = ("label", "labels", "target", "fine_label", "y")


class MapDataset(Protocol):
    """A map-style data set: its length, and (example, target) by number."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Any: ...


def checked_dataset(source: object) -> MapDataset:
    """A data set, or a pair of examples and targets as one.

    Raises:
        DataError: it is neither, or it is empty.
    """
    if isinstance(source, tuple) and len(source) == 2:
        source = _pair(*source)
    if not hasattr(source, "__getitem__") or not hasattr(source, "__len__"):
        raise DataError(
            f"data are a map-style data set of (example, target), a pair of tensors, a folder or a "
            f"name, but got {type(source).__name__}; give it a length and __getitem__"
        )
    dataset: Any = source
    try:
        size = len(dataset)
    except Exception as error:
        raise DataError(
            f"a data set knows its length, but {type(source).__name__} does not "
            f"({first_line(error)}); give a map-style data set"
        ) from error
    if not size:
        raise DataError(
            f"data have an example or more, but {type(source).__name__} has none; add examples"
        )
    known: MapDataset = dataset
    return known


def _pair(example_N: object, target_N: object) -> TensorDataset:
    examples, targets = (torch.as_tensor(part) for part in (example_N, target_N))
    if not examples.dim() or len(examples) != len(targets):
        raise DataError(
            f"each example has a target, but got {tuple(examples.shape)} and "
            f"{tuple(targets.shape)}; give as many of both"
        )
    return TensorDataset(examples, targets)


def _item(dataset: MapDataset, index: int) -> tuple[Any, Any]:
    try:
        item = dataset[index]
    except Exception as error:
        raise DataError(
            f"example {index} of {type(dataset).__name__} cannot be read: "
            f"{type(error).__name__}: {first_line(error)}; correct the data set"
        ) from error
    if isinstance(item, Mapping):  # of a Hugging Face data set
        example, label = _first_of(_IMAGE_KEYS, item), _first_of(_LABEL_KEYS, item)
        return item[example], item[label]
    if isinstance(item, Sequence) and len(item) == 2:
        return item[0], item[1]
    raise DataError(
        f"an item of a data set is (example, target), but number {index} of "
        f"{type(dataset).__name__} is {type(item).__name__}; return two things"
    )


def _first_of(names: Sequence[str], item: Mapping[str, Any]) -> str:
    known = [name for name in names if name in item]
    if not known:
        raise DataError(
            f"an example of a data set of mappings is called {', '.join(names)} or the like, but "
            f"there is {', '.join(map(str, item))}; rename a column"
        )
    return known[0]


def example_of(dataset: MapDataset, index: int) -> Tensor:
    """An example as numbers (C, ...), of an image or a tensor.

    Raises:
        DataError: it cannot be read, is a single number, or has values that are not finite.
    """
    example, _ = _item(dataset, index)
    if isinstance(example, Image.Image):
        pixels = np.asarray(example)
        example = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    tensor = torch.as_tensor(example)
    if not tensor.dim():
        raise DataError(f"an example is (C, ...), but number {index} is a single number; wrap it")
    tensor = tensor.to(torch.float32)
    if not bool(tensor.isfinite().all()):
        raise DataError(
            f"every value of an example is finite, but some of number {index} are not; fill them in"
        )
    return tensor


def labels_of(dataset: MapDataset) -> Tensor:
    """Every target, as a tensor (N, ...).

    Raises:
        DataError: targets differ in shape, are too few or not finite, or a class is below 0.
    """
    known = getattr(dataset, "targets", None)  # torchvision's, which spares reading the images
    if getattr(dataset, "target_transform", None) is None and isinstance(known, Sequence | Tensor):
        targets: Any = known
    elif isinstance(dataset, TensorDataset):
        targets = dataset.tensors[1]
    else:
        targets = [_item(dataset, index)[1] for index in range(len(dataset))]
    try:
        label_N = targets if isinstance(targets, Tensor) else torch.as_tensor(np.asarray(targets))
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(
            f"targets are numbers or tensors of one shape, but those of {type(dataset).__name__} "
            f"are not ({first_line(error)}); number the classes"
        ) from error
    if len(label_N) != len(dataset):
        raise DataError(
            f"each example has a target, but {type(dataset).__name__} has {len(dataset)} examples "
            f"and {len(label_N)} targets; correct its targets"
        )
    if label_N.is_floating_point() and not bool(label_N.isfinite().all()):
        raise DataError("every target is finite, but some are not; leave those examples out")
    if not are_classes(label_N):
        return label_N.to(torch.float32) if label_N.is_floating_point() else label_N
    if int(label_N.min()) < 0:
        raise DataError(f"classes are 0, 1, 2, ..., but got {int(label_N.min())}; number them")
    return label_N.to(torch.int64)


def are_classes(label_N: Tensor) -> bool:
    """Whether targets are numbers of classes."""
    return label_N.dim() == 1 and not label_N.is_floating_point()


def class_names_of(dataset: MapDataset, label_N: Tensor) -> tuple[str, ...]:
    """The classes that the data set names, or their numbers; one for each output otherwise."""
    if not are_classes(label_N):
        number = 1 if label_N.dim() == 1 else int(np.prod(label_N.shape[1:]))
        return tuple(map(str, range(number)))
    number = int(label_N.max()) + 1
    named = getattr(dataset, "classes", None)
    if isinstance(named, Sequence) and len(named) >= number:
        return tuple(map(str, named))
    return tuple(map(str, range(number)))
