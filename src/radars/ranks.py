"""Ranks of values, where equal ones share the mean of theirs."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence


def ranks_of(values: Sequence[float]) -> list[float]:
    """The rank of each value, 1 for the smallest."""
    ordered = sorted(values)
    return [(bisect_left(ordered, v) + bisect_right(ordered, v) + 1) / 2 for v in values]
