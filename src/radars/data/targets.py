"""What examples are to be told apart by, as numbers: targets that were given as such, or as texts.

Shapes: N examples.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from radars.errors import DataError, did_you_mean, first_line
from radars.nn.task import IGNORED


class Targets(NamedTuple):
    """The target of every example.

    Attributes:
        label_N: classes, int64 (N,); masks of classes, int64 (N, H, W); or other numbers, (N, ...).
        class_names: where targets are texts: the classes, in the order of their numbers.
    """

    label_N: Tensor  # noqa: N815
    class_names: tuple[str, ...] | None = None


def as_targets(given: Any, name: str, class_names: Sequence[str] | None = None) -> Targets:
    """Targets as a tensor; texts are numbered, in alphabetical order.

    Args:
        given: a tensor, an array, or a sequence of numbers, tensors or texts.
        name: the name of the data, for errors.
        class_names: the classes of texts, where they are known; they are numbered in this order.

    Raises:
        DataError: they are neither texts nor numbers of one shape; one is not finite; a class is
            negative, or not one of `class_names`.
    """
    texts = _texts(given, name)
    if texts is not None:
        return _numbered(texts, name, class_names)
    try:
        is_of_tensors = isinstance(given, Sequence) and any(isinstance(t, Tensor) for t in given)
        parts = torch.stack([torch.as_tensor(t) for t in given]) if is_of_tensors else given
        label_N = parts if isinstance(parts, Tensor) else torch.as_tensor(np.asarray(parts))
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(
            f"targets are numbers, texts or tensors of one shape, but those of {name} are not "
            f"({first_line(error)}); number the classes"
        ) from error
    return Targets(checked_labels(label_N))


def checked_labels(label_N: Tensor) -> Tensor:
    """Labels in the types that losses take.

    Raises:
        DataError: one is not finite, or a class is negative.
    """
    if label_N.is_floating_point():
        if not bool(label_N.isfinite().all()):
            index = int(
                (~label_N.flatten(1 if label_N.dim() > 1 else 0).isfinite()).nonzero()[0, 0]
            )
            raise DataError(
                f"every target is finite, but that of example {index} is not; leave such examples "
                f"out"
            )
        return label_N.to(torch.float32)
    if not are_classes(label_N) and not are_masks(label_N):
        return label_N
    if label_N.numel() and int(label_N.min()) < 0:
        raise DataError(f"classes are 0, 1, 2, ..., but got {int(label_N.min())}; number them")
    return label_N.to(torch.int64)


def are_classes(label_N: Tensor) -> bool:
    """Whether labels are one class an example."""
    return label_N.dim() == 1 and not label_N.is_floating_point()


def are_masks(label_N: Tensor) -> bool:
    """Whether labels are a class for each pixel: integers (N, H, W) or with more dimensions."""
    return label_N.dim() > 2 and not label_N.is_floating_point() and label_N.dtype != torch.bool


def num_classes_of_masks(label_N: Tensor) -> int:
    """One more than the largest class of a pixel that is not `IGNORED`."""
    return int(label_N[label_N != IGNORED].max()) + 1 if bool((label_N != IGNORED).any()) else 1


def _texts(given: Any, name: str) -> list[str] | None:
    """The targets as texts; None where the first is none."""
    if isinstance(given, Tensor) or not len(given) or not isinstance(given[0], str | bytes):
        return None
    other = next((each for each in given if not isinstance(each, str | bytes)), None)
    if other is not None:
        raise DataError(
            f"targets are all texts, or all numbers, but those of {name} begin with {given[0]!r}, "
            f"and one is {other!r}; write all alike"
        )
    return [each.decode() if isinstance(each, bytes) else str(each) for each in given]


def _numbered(texts: Sequence[str], name: str, class_names: Sequence[str] | None) -> Targets:
    names = tuple(sorted(set(texts)) if class_names is None else class_names)
    numbers = {text: number for number, text in enumerate(names)}
    unknown = next((text for text in texts if text not in numbers), None)
    if unknown is not None:
        raise DataError(
            f"the classes of a test are those of the training, {', '.join(names)[:200]}, but "
            f"{name} has {unknown!r}{did_you_mean(unknown, names)}"
        )
    return Targets(torch.tensor([numbers[text] for text in texts]), names)
