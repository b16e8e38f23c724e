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

from radars.data.data_config import DataConfig
from radars.data.load import Data, load_stored
from radars.data.map_dataset import (
    MapDataset,
    checked_dataset,
    class_names_of,
    example_of,
    targets_of,
)
from radars.data.order import seeded
from radars.data.pixels import Pixels, Request
from radars.data.split import Normalisation, SealedSplit, Split
from radars.data.splits import divide
from radars.data.stored_split import StoredSplit
from radars.data.targets import are_classes
from radars.errors import DataError
from radars.registries import DATA_SOURCES

_STATISTICS_EXAMPLES = 4096

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
    given = Normalisation.given(config, train.shape[0])
    normalisation = _normalisation_of(train) if given is None else _given(given, train.dtype)
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
    ones_C = torch.ones(examples.shape[0])
    return Split(examples, label_N, Normalisation(torch.zeros_like(ones_C), ones_C, 1.0))


@final
class DatasetExamples(Pixels):
    """Some examples of a data set, read when they are wanted.

    Attributes:
        shape: the shape of an example.
        dtype: float32, or int64 where examples are numbers of things (`IDS`).
        num_workers: 0, as what is drawn at random is seeded in this process.
    """

    def __init__(self, dataset: MapDataset, index_N: Tensor) -> None:
        self._dataset = dataset
        self._index_N = index_N
        self.num_workers = 0
        first = example_of(dataset, int(index_N[0]) if len(index_N) else 0)
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
                example = example_of(self._dataset, index)
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


def _given(normalisation: Normalisation, dtype: torch.dtype) -> Normalisation:
    """That of a configuration, for examples as they are."""
    if not dtype.is_floating_point:
        raise DataError(
            f"mean and std are of examples that are floats, but these are {dtype}; leave them out, "
            f"as integers stay what they are"
        )
    return normalisation._replace(largest=1.0)


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
