"""Data from objects: any `torch.utils.data.Dataset`, tensors, arrays, a Hugging Face data set.

Shapes: N examples, B batch, C channels of an image or a signal, or columns of a table.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from torch import Tensor

from radars.data.balanced_draws import divide
from radars.data.data_config import DataConfig
from radars.data.load import Data, load_stored
from radars.data.map_dataset import (
    MapDataset,
    checked_dataset,
    class_names_of,
    example_of,
    targets_of,
)
from radars.data.normalisation import Normalisation
from radars.data.order import seeded
from radars.data.pixels import Pixels, Request
from radars.data.split import SealedSplit, Split
from radars.data.stored_split import StoredSplit
from radars.data.targets import are_classes
from radars.errors import DataError
from radars.example import Form, are_floats, dtype_of, is_several, mapped, parts_of, shape_of
from radars.registries import DATA_SOURCES

_STATISTICS_EXAMPLES = 4096

DataLike = Data | MapDataset | tuple[Any, Any] | str | Path
"""A data set of (example, target), a pair of examples and targets, a folder or a name.

An example for a network of several inputs is a tuple or a dict of tensors, and so are the examples
of a pair: the network is called with `network(*tuple)` or `network(**dict)`."""


def as_data(source: DataLike, *, config: DataConfig, seed: int) -> Data:
    """Data to search and to train on.

    Of an object every example is for training and validation: the test is given to `evaluate`.
    Examples are normalised with the mean and the standard deviation of each channel over the
    training part (of its first examples, where there are many); integers of 32 bits or more, such
    as the numbers of tokens, are left as they are. What a data set draws at random, as augmentation
    does, is drawn again in each epoch, from the seed.

    Args:
        source: a data set of (example, target), or of mappings with an image and a label; a pair of
            tensors or arrays, examples first; `Data`, as it is; a folder or a name. An example, or
            the examples of a pair, may be a tuple or a dict of several inputs.
        config: how many examples are used, and which part of them validates.
        seed: the seed of the draw and of the division.

    Raises:
        DataError: it is none of these, it is empty, or its examples or targets differ in shape.
    """
    if isinstance(source, Data):
        return source
    if isinstance(source, str | Path):
        return load_data(config.model_copy(update={"source": str(source)}), seed)
    return _data_of(checked_dataset(source), SealedSplit(_no_test_split), config, seed)


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
    data = _data_of(checked_dataset(splits["train"]), test, config, seed)
    return replace(data, name=config.source)


def _data_of(dataset: MapDataset, test: SealedSplit, config: DataConfig, seed: int) -> Data:
    targets = targets_of(dataset)
    label_N = targets.label_N
    stratum_N = label_N if are_classes(label_N) else torch.zeros(len(label_N), dtype=torch.int64)
    train_N, validation_N = divide(stratum_N, config.num_train, config.validation_fraction, seed)
    train = DatasetExamples(dataset, train_N)
    normalisation = _given(config, train) or _normalisation_of(train)
    validation = Split(DatasetExamples(dataset, validation_N), label_N[validation_N], normalisation)
    class_names = class_names_of(dataset, targets)
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
    dataset = checked_dataset(source)
    label_N = targets_of(dataset, class_names).label_N
    examples = DatasetExamples(dataset, torch.arange(len(label_N)))
    unchanged = mapped(lambda shape: Normalisation.none(shape[0]), examples.shape)
    return Split(examples, label_N, unchanged)


@final
class DatasetExamples(Pixels):
    """Some examples of a data set, read when they are wanted.

    Attributes:
        shape: the shape of an example, or of each input of it.
        dtype: float32, or int64 where examples are numbers of things (`IDS`); likewise.
        num_workers: 0, as what is drawn at random is seeded in this process.
    """

    def __init__(self, dataset: MapDataset, index_N: Tensor) -> None:
        self._dataset = dataset
        self._index_N = index_N
        self.num_workers = 0
        first = example_of(dataset, int(index_N[0]) if len(index_N) else 0)
        self.shape = shape_of(first)
        self.dtype = dtype_of(first)

    def __len__(self) -> int:
        return len(self._index_N)

    def read_augmented(self, request: Request) -> Any:
        """See `Pixels`."""
        indices = self._index_N[request.indices[request.part]].tolist()
        purpose = request.position or ("as they are",)
        examples = []
        for index in indices:
            with _drawing(seeded("example", *purpose, index).initial_seed()):
                example = example_of(self._dataset, index)
            if shape_of(example) != self.shape:
                raise DataError(
                    f"examples have one shape, but number {index} has {shape_of(example)} and "
                    f"the first {self.shape}; resize them in the data set"
                )
            examples.append(example)
        return mapped(lambda *parts: torch.stack(parts), *examples)


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


def _given(config: DataConfig, examples: DatasetExamples) -> Normalisation | None:
    """That of a configuration, for examples as they are; None where it names none."""
    if config.mean is None or config.std is None:
        return None
    if is_several(examples.shape):
        raise DataError(
            f"mean and std are of examples of one input, but these have "
            f"{len(parts_of(examples.shape))}; leave them out, or normalise the inputs yourself"
        )
    normalisation = Normalisation.given(config, examples.shape[0])
    if normalisation is None or are_floats(examples.dtype):
        return normalisation and normalisation._replace(largest=1.0)
    raise DataError(
        f"mean and std are of examples that are floats, but these are {examples.dtype}; leave them "
        f"out, as integers stay what they are"
    )


def _normalisation_of(examples: DatasetExamples) -> Form[Normalisation]:
    number = min(len(examples), _STATISTICS_EXAMPLES)
    if not number:
        raise DataError("data have a training example or more, but none is left; add examples")
    return mapped(Normalisation.over, examples.read(Request(list(range(number)))))


def _no_test_split() -> Split:
    raise DataError(
        "a data set that was passed as an object has no test split; give the test set: "
        "evaluate(test_set)"
    )
