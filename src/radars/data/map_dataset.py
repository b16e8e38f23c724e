"""`MapDataset`: any map-style data set; its examples and targets, read and checked.

Shapes: N examples, C channels of an image or a signal, or columns of a table.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Protocol

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from radars.data.inputs import inputs_of
from radars.data.pixels import IDS
from radars.data.targets import (
    Targets,
    are_classes,
    are_masks,
    as_targets,
    num_classes_of_masks,
)
from radars.errors import DataError, first_line
from radars.example import Example, is_several, mapped, parts_of, said_of

_IMAGE_KEYS = ("image", "img", "pixel_values", "x")
_LABEL_KEYS = ("label", "labels", "target", "fine_label", "y")


class MapDataset(Protocol):
    """A map-style data set: its length, and (example, target) by number."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Any: ...


class Pairs:
    """Examples in a tensor, or in one for each input, and targets that `TensorDataset` cannot have.

    Attributes:
        example_N: the examples.
        targets: texts, or a tensor.
    """

    def __init__(self, example_N: Example, targets: Sequence[str] | Tensor) -> None:
        self.example_N = example_N
        self.targets = targets

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int, /) -> tuple[Example, str | Tensor]:
        return mapped(lambda part_N: part_N[index], self.example_N), self.targets[index]


def checked_dataset(source: object) -> MapDataset:
    """A data set, or a pair of examples and targets as one.

    Raises:
        DataError: it is neither, or it is empty.
    """
    if isinstance(source, tuple | list) and len(source) == 2 and _are_whole(source):
        source = _pair(*source)
    what = (
        "data are a map-style data set of (example, target), a pair of tensors, a folder or a name"
    )
    if isinstance(source, Mapping):
        named = ", ".join(map(repr, source))
        first = next(iter(source), "train")
        raise DataError(
            f"{what}, but got a {type(source).__name__} of {named[:200] or 'nothing'}; pass one of "
            f"them, as in data[{first!r}], or two as a pair: (examples, targets)"
        )
    if isinstance(source, DataLoader):
        raise DataError(f"{what}, but got a DataLoader; pass the data set that it loads: .dataset")
    if not hasattr(source, "__getitem__") or not hasattr(source, "__len__"):
        raise DataError(
            f"{what}, but got {type(source).__name__}; give it a length and __getitem__"
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
            f"data need at least one example, but {type(source).__name__} has none; add examples"
        )
    known: MapDataset = dataset
    return known


def _are_whole(source: Sequence[object]) -> bool:
    """Whether a list of two holds all examples and all targets; a tuple is always taken so."""
    return isinstance(source, tuple) or all(isinstance(e, Tensor | np.ndarray) for e in source)


def _pair(example_N: object, target_N: Any) -> MapDataset:
    inputs = inputs_of(example_N, "the first of a pair")
    examples = mapped(_as_tensor, inputs)
    targets = as_targets(target_N, "a pair")
    for part_N, name in zip(parts_of(examples), parts_of(said_of(examples)), strict=True):
        if not part_N.dim() or len(part_N) != len(targets.label_N):
            of_input = f" for {name}" if name else ""
            raise DataError(
                f"each example has a target, but got {tuple(part_N.shape)}{of_input} and "
                f"{tuple(targets.label_N.shape)}; give as many of both"
            )
    if targets.class_names is not None:
        return Pairs(examples, [targets.class_names[k] for k in targets.label_N.tolist()])
    if is_several(examples):
        return Pairs(examples, targets.label_N)
    return TensorDataset(*parts_of(examples), targets.label_N)


def _as_tensor(input_N: object) -> Tensor:
    try:
        return torch.as_tensor(input_N)
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(
            f"the examples of a pair are a tensor or an array of numbers, but "
            f"{type(input_N).__name__} is not ({first_line(error)}); give examples, then targets"
        ) from error


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
        f"{type(dataset).__name__} is {type(item).__name__}; return two things, "
        f"such as ((image, table), target)"
    )


def _first_of(names: Sequence[str], item: Mapping[str, Any]) -> str:
    known = [name for name in names if name in item]
    if not known:
        raise DataError(
            f"an example of a data set of mappings is called {', '.join(names)} or the like, but "
            f"there is {', '.join(map(str, item))}; rename a column, or return a pair: "
            f"(example, target)"
        )
    return known[0]


def example_of(dataset: MapDataset, index: int) -> Example:
    """An example as a tensor (C, ...): of float32, or of int64 where it is numbers of things.

    Of several inputs it is a tuple or a dict of such tensors.

    Raises:
        DataError: it cannot be read, is no tensor, or has values that are not finite.
    """
    inputs = inputs_of(_item(dataset, index)[0], f"number {index}")
    return mapped(partial(_input_of, f"number {index}"), inputs, said_of(inputs))


def _input_of(number: str, given: object, name: str) -> Tensor:
    """An input of an example as a tensor; without a name it is the only one."""
    which = f"{name} of {number}" if name else number
    if isinstance(given, Image.Image):
        pixels = np.array(ImageOps.exif_transpose(given))  # the right way up
        given = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    try:
        tensor = torch.as_tensor(given)
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(
            f"an example is a tensor, array or image, or several in a tuple or a dict, but {which} "
            f"is {_said(given)}; convert it to a tensor"
        ) from error
    if not tensor.dim():
        raise DataError(f"an example is (C, ...), but {which} is a single number; wrap it")
    if tensor.dtype in IDS:
        return tensor.to(torch.int64)
    tensor = tensor.to(torch.float32)
    if not bool(tensor.isfinite().all()):
        raise DataError(
            f"every value of an example is finite, but some of {which} are not; fill them in"
        )
    return tensor


def _said(example: object) -> str:
    """What an example is, for people: `a tuple of 2`."""
    size = f" of {len(example)}" if isinstance(example, tuple | list | dict) else ""
    return f"a {type(example).__name__}{size}"


def targets_of(dataset: MapDataset, class_names: Sequence[str] | None = None) -> Targets:
    """Every target.

    Raises:
        DataError: targets differ in shape, are too few or not finite, or a class is below 0.
    """
    known = getattr(dataset, "targets", None)  # torchvision's, which spares reading the images
    has_known = isinstance(known, Sequence | Tensor | np.ndarray)
    if getattr(dataset, "target_transform", None) is None and has_known:
        given: Any = known
    elif isinstance(dataset, TensorDataset):
        given = dataset.tensors[1]
    else:
        given = [_item(dataset, index)[1] for index in range(len(dataset))]
    targets = as_targets(given, type(dataset).__name__, class_names)
    if len(targets.label_N) != len(dataset):
        raise DataError(
            f"each example has a target, but {type(dataset).__name__} has {len(dataset)} examples "
            f"and {len(targets.label_N)} targets; correct its targets"
        )
    return targets


def class_names_of(dataset: MapDataset, targets: Targets) -> tuple[str, ...]:
    """The classes that the data set names, or their numbers; one for each output otherwise."""
    label_N = targets.label_N
    if targets.class_names is not None:
        return targets.class_names
    if are_masks(label_N):
        number = num_classes_of_masks(label_N)
    elif are_classes(label_N):
        number = int(label_N.max()) + 1
    else:
        number = 1 if label_N.dim() == 1 else int(np.prod(label_N.shape[1:]))
        return tuple(map(str, range(number)))
    named = getattr(dataset, "classes", None)
    if isinstance(named, Sequence) and len(named) >= number:
        return tuple(map(str, named))
    return tuple(map(str, range(number)))
