"""Data from tensors in memory: signals, tables, anything that is not images.

Shapes: N examples, B batch, C channels of a signal or columns of a table.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, final

import torch
from torch import Tensor

from radars.data.balanced_draws import divide, hold_out
from radars.data.inputs import inputs_of
from radars.data.load import Data
from radars.data.normalisation import Normalisation
from radars.data.order import seeded
from radars.data.pixels import IDS, Pixels, Request
from radars.data.split import SealedSplit, Split
from radars.data.take_rows import rows_of
from radars.data.targets import are_classes, are_masks, checked_labels, num_classes_of_masks
from radars.errors import DataError
from radars.example import (
    Example,
    Form,
    InputShape,
    batch_size_of,
    dtype_of,
    mapped,
    parts_of,
    said_of,
    same_form,
)

Augment = Callable[[Any, torch.Generator], Any]
"""Changes a batch of examples at random, as they are before they are normalised; it takes and gives
one tensor or, where examples have several inputs, all of them in a tuple or a dict."""


@final
class TensorExamples(Pixels):
    """Examples in one tensor of any shape, or in one for each input.

    Attributes:
        example_N: float32, or int64 of tokens and the like: (N, C, ...).
    """

    is_in_memory = True

    def __init__(self, example_N: Example, augment: Augment | None = None) -> None:
        self.example_N = example_N
        self.shape = _shape_of_one(example_N)
        self.num_workers = 0
        self.augmentation = augment

    def __len__(self) -> int:
        return batch_size_of(self.example_N)

    def read_augmented(self, request: Request) -> Any:
        """See `Pixels`; the values are as they were given.

        Raises:
            DataError: `augment` returns other inputs than it was given.
        """
        index_B = torch.tensor(request.indices, dtype=torch.int64)
        example_B = mapped(lambda part_N: rows_of(part_N, index_B), self.example_N)
        if request.position is not None and self.augmentation is not None:
            changed_B = self.augmentation(example_B, seeded("batch", *request.position))
            if not same_form(changed_B, example_B):
                raise DataError(
                    f"augment returns the inputs that it takes, but got a "
                    f"{type(changed_B).__name__} for a {type(example_B).__name__} of "
                    f"{len(parts_of(example_B))}; return all of them in the same form"
                )
            example_B = changed_B
        return mapped(lambda part_B: part_B[request.part], example_B)


def _shape_of_one(example_N: Example) -> InputShape:
    return mapped(lambda part_N: tuple(part_N.shape[1:]), example_N)


def tensor_data(
    example_N: Example | Mapping[str, Tensor],
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
            length) for signals. Of a network of several inputs, a tuple or a dict of such tensors:
            it is called with `network(*tuple)` or `network(**dict)`.
        label_N: classes, int64 (N,), by which every part is balanced; or whatever the loss of the
            task takes, (N, ...).
        name: what people call the data.
        num_outputs: how many numbers the network returns for an example; by default one a class.
        class_names: names of the classes; by default their numbers.
        validation_fraction: the validation part, as a fraction of what is not held out.
        seed: the seed of the division into a training and a validation part.
        augment: changes training batches at random; takes and returns all inputs.

    Raises:
        DataError: the tensors are not what is said above.
    """
    example_N = inputs_of(example_N, "what is given")
    example_N = mapped(partial(_checked, label_N), example_N, said_of(example_N))
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
    taken = partial(_taken, example_N)
    normalisation = mapped(Normalisation.over, taken(train_N))
    split = partial(_split, normalisation)
    return Data(
        name=name,
        num_classes=num_outputs,
        class_names=tuple(class_names or map(str, range(num_outputs))),
        input_shape=_shape_of_one(example_N),
        train=split(taken(train_N), label_N[train_N], augment),
        validation=split(taken(validation_N), label_N[validation_N]),
        test=SealedSplit(partial(split, taken(test_N), label_N[test_N])),
        normalisation=normalisation,
        input_dtype=dtype_of(example_N),
    )


def _taken(example_N: Example, index_M: Tensor) -> Example:
    return mapped(lambda part_N: part_N[index_M], example_N)


def _checked(label_N: Tensor, input_N: Tensor, name: str) -> Tensor:
    """An input of all examples in float32, or int64: one or more, as many as labels, and finite."""
    of_input = f" for {name}" if name else ""
    if not isinstance(input_N, Tensor) and name:
        raise DataError(
            f"an input is a tensor (N, C, ...), but {name} is {type(input_N).__name__}; make it so"
        )
    if input_N.dim() < 2 or len(input_N) != len(label_N):
        raise DataError(
            f"data are examples (N, C, ...) and as many labels, but got {tuple(input_N.shape)}"
            f"{of_input} and {tuple(label_N.shape)}; give each example a label"
        )
    if not len(input_N):
        raise DataError("data need at least one example, but got none; add examples")
    if input_N.dtype in IDS:
        return input_N.to(torch.int64)
    input_N = input_N.to(torch.float32)
    if not bool(input_N.isfinite().all()):
        of_input = f" of {name}" if name else ""
        raise DataError(
            f"every value of an example is finite, but some{of_input} are not; fill them in"
        )
    return input_N


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
    normalisation: Form[Normalisation],
    example_N: Example,
    label_N: Tensor,
    augment: Augment | None = None,
) -> Split:
    return Split(TensorExamples(example_N, augment), label_N, normalisation)
