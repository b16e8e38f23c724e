"""Data from tensors in memory: signals, tables, anything that is not images.

Shapes: N examples, B batch, C channels of a signal or columns of a table.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import final

import torch
from torch import Tensor

from radars.data.load import Data
from radars.data.order import seeded
from radars.data.pixels import IDS, Pixels, Request
from radars.data.split import Normalisation, SealedSplit, Split
from radars.data.splits import divide, hold_out
from radars.data.targets import are_classes, are_masks, checked_labels, num_classes_of_masks
from radars.errors import DataError

Augment = Callable[[Tensor, torch.Generator], Tensor]
"""Changes a batch of examples at random, as they are before they are normalised."""


@final
class TensorExamples(Pixels):
    """Examples in one tensor of any shape.

    Attributes:
        example_N: float32, or int64 of tokens and the like: (N, C, ...).
    """

    is_in_memory = True

    def __init__(self, example_N: Tensor, augment: Augment | None = None) -> None:
        self.example_N = example_N
        self.shape = tuple(example_N.shape[1:])
        self.num_workers = 0
        self.augmentation = augment

    def __len__(self) -> int:
        return len(self.example_N)

    def read_augmented(self, request: Request) -> Tensor:
        """See `Pixels`; the values are as they were given."""
        example_B = self.example_N[torch.tensor(request.indices, dtype=torch.int64)]
        if request.position is not None and self.augmentation is not None:
            example_B = self.augmentation(example_B, seeded("batch", *request.position))
        return example_B[request.part]


def tensor_data(
    example_N: Tensor,
    label_N: Tensor,
    *,
    name: str = "tensors",
    num_outputs: int | None = None,
    class_names: Sequence[str] | None = None,
    validation_fraction: float = 0.5,
    seed: int = 0,
    augment: Augment | None = None,
) -> Data:
    """Data to search, train and evaluate on, from tensors.

    A fifth is held out as the test split, the same for every seed. Examples are normalised with the
    mean and the standard deviation of each channel over the training part; tokens (int64) are not.

    Args:
        example_N: examples of any shape, (N, C, ...): (N, C) for a table of C columns, (N, C,
            length) for signals.
        label_N: classes, int64 (N,), by which every part is balanced; or whatever the loss of the
            task takes, (N, ...).
        name: what people call the data.
        num_outputs: how many numbers the network returns for an example; by default one a class.
        class_names: names of the classes; by default their numbers.
        validation_fraction: the validation part, as a fraction of what is not held out.
        seed: the seed of the division into a training and a validation part.
        augment: changes training batches at random.

    Raises:
        DataError: the tensors are not what is said above.
    """
    example_N = _checked_examples(example_N, label_N)
    label_N, num_outputs, is_classes = _checked_labels(label_N, num_outputs)
    if class_names and len(class_names) != num_outputs:
        raise DataError(
            f"class_names are as many as outputs, {num_outputs}, but got {len(class_names)}; "
            f"name each class once"
        )
    stratum_N = label_N if is_classes else torch.zeros(len(label_N), dtype=torch.int64)
    index_N, test_N = hold_out(stratum_N)
    train_N, validation_N = (
        index_N[part] for part in divide(stratum_N[index_N], None, validation_fraction, seed)
    )
    normalisation = _normalisation_of(example_N[train_N])
    split = partial(_split, normalisation)
    return Data(
        name=name,
        num_classes=num_outputs,
        class_names=tuple(class_names or map(str, range(num_outputs))),
        input_shape=tuple(example_N.shape[1:]),
        train=split(example_N[train_N], label_N[train_N], augment),
        validation=split(example_N[validation_N], label_N[validation_N]),
        test=SealedSplit(partial(split, example_N[test_N], label_N[test_N])),
        normalisation=normalisation,
        input_dtype=example_N.dtype,
    )


def _checked_examples(example_N: Tensor, label_N: Tensor) -> Tensor:
    """The examples in float32, or int64: one or more, as many as labels, and finite."""
    if example_N.dim() < 2 or len(example_N) != len(label_N):
        raise DataError(
            f"data are examples (N, C, ...) and as many labels, but got {tuple(example_N.shape)} "
            f"and {tuple(label_N.shape)}; give each example a label"
        )
    if not len(example_N):
        raise DataError("data have an example or more, but got none; add examples")
    if example_N.dtype in IDS:
        return example_N.to(torch.int64)
    example_N = example_N.to(torch.float32)
    if not bool(example_N.isfinite().all()):
        raise DataError("every value of an example is finite, but some are not; fill them in")
    return example_N


def _checked_labels(label_N: Tensor, num_outputs: int | None) -> tuple[Tensor, int, bool]:
    """The labels, how many outputs there are, and whether the labels are classes."""
    label_N = checked_labels(label_N)
    is_classes = are_classes(label_N)
    if is_classes:
        num_outputs = num_outputs or int(label_N.max()) + 1
        if int(label_N.max()) >= num_outputs != 1:  # one output can tell two classes apart
            raise DataError(
                f"classes are less than num_outputs, {num_outputs}, but got "
                f"{int(label_N.max())}; raise it"
            )
    if num_outputs is None and are_masks(label_N):
        num_outputs = num_classes_of_masks(label_N)
    if num_outputs is None:
        raise DataError("labels that are not classes need num_outputs, but got none; give it")
    return label_N, num_outputs, is_classes


def _split(
    normalisation: Normalisation, example_N: Tensor, label_N: Tensor, augment: Augment | None = None
) -> Split:
    return Split(TensorExamples(example_N, augment), label_N, normalisation)


def _normalisation_of(example_N: Tensor) -> Normalisation:
    if not example_N.is_floating_point():  # nothing is done to them
        return Normalisation.of_ids(example_N.shape[1])
    channel_CM = example_N.transpose(0, 1).flatten(1).double()
    std_C = channel_CM.std(1, correction=0)
    std_C = torch.where(std_C > 0, std_C, 1.0)  # of a channel that is always the same
    return Normalisation(channel_CM.mean(1).float(), std_C.float(), largest=1.0)
