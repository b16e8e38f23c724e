"""Class-balanced draws from labels. N examples, K classes."""

import logging
from collections.abc import Sequence

import torch
from torch import Tensor

from radars.data.order import seeded
from radars.errors import DataError

HELD_OUT_FRACTION = 0.2

_logger = logging.getLogger(__name__)
_MOST_NAMED = 3


def balanced_order(label_N: Tensor, generator: torch.Generator) -> Tensor:
    """A random order of the examples in which every prefix has the class mix of the whole.

    The k-th example (in random order) of a class with n of them is placed at (k + u) / n, where u
    in [0, 1) is drawn once a class. A prefix then holds each class in proportion, to within an
    example or so; where classes are of one size and the prefix divides evenly, exactly.

    Args:
        label_N: classes, int64 (N,).
        generator: the only source of randomness.

    Returns:
        Example numbers, int64 (N,).
    """
    num_examples = len(label_N)
    shuffled_N = torch.randperm(num_examples, generator=generator)
    by_class_N = shuffled_N[label_N[shuffled_N].argsort(stable=True)]
    sorted_label_N = label_N[by_class_N]
    count_K = torch.bincount(label_N)
    rank_N = torch.arange(num_examples) - (count_K.cumsum(0) - count_K)[sorted_label_N]
    offset_K = torch.rand(len(count_K), generator=generator, dtype=torch.float64)
    place_N = (rank_N + offset_K[sorted_label_N]) / count_K[sorted_label_N]
    return by_class_N[place_N.argsort(stable=True)]


def hold_out(label_N: Tensor) -> tuple[Tensor, Tensor]:
    """Divides a source without a test split: the training and the test examples.

    The division depends on the labels only, never on the user's seed, or tests of two seeds would
    not be of the same examples.
    """
    order_N = balanced_order(label_N, seeded("held-out test split"))
    num_test = round(len(label_N) * HELD_OUT_FRACTION)
    return order_N[num_test:].sort().values, order_N[:num_test].sort().values


def divide(
    label_N: Tensor, num_used: int | None, validation_fraction: float, seed: int
) -> tuple[Tensor, Tensor]:
    """Divides the training split into the parts of a search: training, then validation.

    The parts are disjoint and in random order.

    Args:
        label_N: classes, int64 (N,).
        num_used: how many examples the two parts hold together; None for all.
        validation_fraction: the validation part, as a fraction of the used ones.
        seed: the seed of the draw.

    Raises:
        DataError: there are too few examples, or the fraction is none.
    """
    if not 0 <= validation_fraction < 1:
        raise DataError(
            f"validation_fraction is at least 0 and less than 1, but got {validation_fraction}; "
            f"give the part of the examples that validates"
        )
    num_used = len(label_N) if num_used is None else num_used
    if num_used > len(label_N):
        raise DataError(
            f"num_train must be at most the examples of the training split, {len(label_N)}, "
            f"but got {num_used}; lower it"
        )
    num_validation = round(num_used * validation_fraction)
    if num_validation == num_used or (num_validation == 0 and validation_fraction > 0):
        raise DataError(
            f"training and validation both need an example, but {num_used} divided by "
            f"validation_fraction={validation_fraction} leaves one empty; raise num_train"
        )
    order_N = balanced_order(label_N, seeded("parts", seed))
    return order_N[num_validation:num_used], order_N[:num_validation]


def say_missing_classes(label_N: Tensor, class_names: Sequence[str], part: str) -> None:
    """Logs which classes have no example in a part: nobody can learn them there, or be judged by.

    Args:
        label_N: classes of the examples of the part; nothing is said of none.
        class_names: the names of all classes.
        part: what the part is called.
    """
    present = set(torch.unique(label_N).tolist())
    missing = [name for number, name in enumerate(class_names) if number not in present]
    if missing and present:
        named = ", ".join(map(repr, missing[:_MOST_NAMED])) + ", ..." * (len(missing) > _MOST_NAMED)
        _logger.warning(
            "no example in %s, which has %d, is of %d of the %d classes: %s; add examples of them",
            part, len(label_N), len(missing), len(class_names), named,
        )  # fmt: skip
