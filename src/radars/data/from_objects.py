"""Data from objects: any `torch.utils.data.Dataset`, tensors, arrays, a Hugging Face data set.

Shapes: N examples, B batch, C channels of an image or a signal, or columns of a table.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol, final

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from radars.data.data_config import DataConfig
from radars.data.load import Data, load_stored
from radars.data.order import seeded
from radars.data.pixels import IDS, Pixels, Request
from radars.data.split import Normalisation, SealedSplit, Split
from radars.data.splits import divide
from radars.data.stored_split import StoredSplit
from radars.data.targets import (
    Targets,
    are_classes,
    are_masks,
    as_targets,
    num_classes_of_masks,
)
from radars.errors import DataError, first_line
from radars.registries import DATA_SOURCES

_STATISTICS_EXAMPLES = 4096
_IMAGE_KEYS = ("image", "img", "pixel_values", "x")
_LABEL_KEYS = ("label", "labels", "target", "fine_label", "y")


class MapDataset(Protocol):
    """A map-style data set: its length, and (example, target) by number."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Any: ...


DataLike = Data | MapDataset | tuple[Any, Any] | str | Path
"""A data set of (example, target), a pair of examples and targets, a folder or a name."""


def as_data(source: DataLike, *, config: DataConfig, seed: int) -> Data:
    """Data to search and to train on.

    Of an object every example is for training and validation: the test is given to `evaluate`.
    Examples are normalised with the mean and the standard deviation of each channel over the
    training part (of its first examples, where there are many); integers of 32 bits or more, such
    as the numbers of tokens, are left as they are. What a data set draws at random, as augmentation
    does, is drawn again in each epoch, from the seed.

    Args:
        source: a data set of (example, target), or of mappings with an image and a label; a pair of
            tensors or arrays, examples first; `Data`, as it is; a folder or a name.
        config: how many examples are used, and which part of them validates.
        seed: of the draw and of the division.

    Raises:
        DataError: it is none of these, it is empty, or its examples or targets differ in shape.
    """
    if isinstance(source, Data):
        return source
    if isinstance(source, str | Path):
        return load_data(config.model_copy(update={"source": str(source)}), seed)
    return _data_of(_dataset(source), SealedSplit(_no_test_split), config, seed)


def load_data(config: DataConfig, seed: int) -> Data:
    """The data that a configuration names, divided into the parts of a search.

    A registered source (`registries.DATA_SOURCES`) may give data sets of (example, target) by the
    names of their splits, `train` and `test`; all else is read as `load_stored` says.

    Raises:
        DataError: see `load_stored` and `as_data`.
    """
    if config.source not in DATA_SOURCES:
        return load_stored(config, seed)
    splits: Mapping[str, Any] = DATA_SOURCES.get(config.source)()
    if all(isinstance(split, StoredSplit) for split in splits.values()):
        return load_stored(config, seed)
    if "train" not in splits:
        raise DataError(
            f"{config.source} must have a split named train, but it has {', '.join(splits)}; "
            f"rename one"
        )
    test = SealedSplit(partial(as_split, splits["test"]) if "test" in splits else _no_test_split)
    data = _data_of(_dataset(splits["train"]), test, config, seed)
    return replace(data, name=config.source)


def _data_of(dataset: MapDataset, test: SealedSplit, config: DataConfig, seed: int) -> Data:
    targets = _targets(dataset)
    label_N = targets.label_N
    stratum_N = label_N if are_classes(label_N) else torch.zeros(len(label_N), dtype=torch.int64)
    train_N, validation_N = divide(stratum_N, config.num_train, config.validation_fraction, seed)
    train = DatasetExamples(dataset, train_N)
    normalisation = _normalisation_of(train)
    validation = Split(DatasetExamples(dataset, validation_N), label_N[validation_N], normalisation)
    class_names = _class_names(dataset, targets)
    return Data(
        name=type(dataset).__name__,
        num_classes=len(class_names),
        class_names=class_names,
        input_shape=train.shape,
        train=Split(train, label_N[train_N], normalisation),
        validation=validation,
        test=test,
        normalisation=normalisation,
        input_dtype=train.dtype,
    )


def as_split(source: DataLike, class_names: Sequence[str] | None = None) -> Split:
    """Every example of a data set, in its order, to evaluate on; not normalised.

    Args:
        source: as for `as_data`.
        class_names: the classes of targets that are texts, in the order of their numbers.

    Raises:
        DataError: see `as_data`.
    """
    dataset = _dataset(source)
    label_N = _targets(dataset, class_names).label_N
    examples = DatasetExamples(dataset, torch.arange(len(label_N)))
    ones_C = torch.ones(examples.shape[0])
    return Split(examples, label_N, Normalisation(torch.zeros_like(ones_C), ones_C, 1.0))


@final
class DatasetExamples(Pixels):
    """Some examples of a data set, read when they are wanted.

    Attributes:
        shape: of an example.
        dtype: float32, or int64 where examples are numbers of things (`IDS`).
        num_workers: 0, as what is drawn at random is seeded in this process.
    """

    def __init__(self, dataset: MapDataset, index_N: Tensor) -> None:
        self._dataset = dataset
        self._index_N = index_N
        self.num_workers = 0
        first = _example(dataset, int(index_N[0]) if len(index_N) else 0)
        self.shape = tuple(first.shape)
        self.dtype = first.dtype

    def __len__(self) -> int:
        return len(self._index_N)

    def read_augmented(self, request: Request) -> Tensor:
        """See `Pixels`."""
        indices = self._index_N[request.indices[request.part]].tolist()
        purpose = request.position or ("as they are",)
        examples = []
        for index in indices:
            with _drawing(seeded("example", *purpose, index).initial_seed()):
                example = _example(self._dataset, index)
            if tuple(example.shape) != self.shape:
                raise DataError(
                    f"examples have one shape, but number {index} has {tuple(example.shape)} and "
                    f"the first {self.shape}; resize them in the data set"
                )
            examples.append(example)
        return torch.stack(examples)


@contextmanager
def _drawing(seed: int) -> Iterator[None]:
    """Within, what is drawn at random depends on the seed; outside, nothing is different."""
    python_state, numpy_state = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed % 2**32)
        try:
            yield
        finally:
            random.setstate(python_state)
            np.random.set_state(numpy_state)


class _Pairs:
    """Examples in a tensor, and targets that are texts."""

    def __init__(self, example_N: Tensor, targets: Sequence[str]) -> None:
        self.example_N = example_N
        self.targets = targets

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int, /) -> tuple[Tensor, str]:
        return self.example_N[index], self.targets[index]


def _dataset(source: object) -> MapDataset:
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
            f"data have an example or more, but {type(source).__name__} has none; add examples"
        )
    known: MapDataset = dataset
    return known


def _are_whole(source: Sequence[object]) -> bool:
    """Whether a list of two holds all examples and all targets; a tuple is always taken so."""
    return isinstance(source, tuple) or all(isinstance(e, Tensor | np.ndarray) for e in source)


def _pair(example_N: object, target_N: Any) -> MapDataset:
    try:
        examples = torch.as_tensor(example_N)
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(
            f"the examples of a pair are a tensor or an array of numbers, but "
            f"{type(example_N).__name__} is not ({first_line(error)}); give examples, then targets"
        ) from error
    targets = as_targets(target_N, "a pair")
    if not examples.dim() or len(examples) != len(targets.label_N):
        raise DataError(
            f"each example has a target, but got {tuple(examples.shape)} and "
            f"{tuple(targets.label_N.shape)}; give as many of both"
        )
    if targets.class_names is not None:
        return _Pairs(examples, [targets.class_names[k] for k in targets.label_N.tolist()])
    return TensorDataset(examples, targets.label_N)


def _item(dataset: MapDataset, index: int) -> tuple[Any, Any]:
    try:
        item = dataset[index]
    except Exception as error:
        raise DataError(
            f"example {index} of {type(dataset).__name__} cannot be read: "
            f"{type(error).__name__}: {first_line(error)}; mend the data set"
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


def _example(dataset: MapDataset, index: int) -> Tensor:
    example, _ = _item(dataset, index)
    if isinstance(example, Image.Image):
        pixels = np.array(ImageOps.exif_transpose(example))  # the right way up
        example = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    try:
        tensor = torch.as_tensor(example)
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(
            f"an example is one tensor, array or image, but number {index} is "
            f"{_said(example)}; join its parts in one tensor, and take it apart in the network"
        ) from error
    if not tensor.dim():
        raise DataError(f"an example is (C, ...), but number {index} is a single number; wrap it")
    if tensor.dtype in IDS:
        return tensor.to(torch.int64)
    tensor = tensor.to(torch.float32)
    if not bool(tensor.isfinite().all()):
        raise DataError(
            f"every value of an example is finite, but some of number {index} are not; fill them in"
        )
    return tensor


def _said(example: object) -> str:
    """What an example is, for people: `a tuple of 2`."""
    size = f" of {len(example)}" if isinstance(example, tuple | list | dict) else ""
    return f"a {type(example).__name__}{size}"


def _targets(dataset: MapDataset, class_names: Sequence[str] | None = None) -> Targets:
    """Every target."""
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
            f"and {len(targets.label_N)} targets; mend its targets"
        )
    return targets


def _class_names(dataset: MapDataset, targets: Targets) -> tuple[str, ...]:
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


def _normalisation_of(examples: DatasetExamples) -> Normalisation:
    number = min(len(examples), _STATISTICS_EXAMPLES)
    if not number:
        raise DataError("data have a training example or more, but none is left; add examples")
    example_N = examples.read(Request(list(range(number))))
    if not example_N.is_floating_point():  # nothing is done to them
        return Normalisation.of_ids(examples.shape[0])
    channel_CM = example_N.transpose(0, 1).flatten(1).double()
    std_C = channel_CM.std(1, correction=0)
    std_C = torch.where(std_C > 0, std_C, 1.0)  # of a channel that is always the same
    return Normalisation(channel_CM.mean(1).float(), std_C.float(), largest=1.0)


def _no_test_split() -> Split:
    raise DataError(
        "a data set that was passed as an object has no test split; give the test set: "
        "evaluate(test_set)"
    )
