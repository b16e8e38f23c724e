"""`first_within`: the cheapest savings that fit, by few exact traces, where prices say to look."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from radars.nn.memory_saving.savings import MemorySavings

HOPELESS = 1.5
"""Times the budget by prices, which are not that far off."""

_GUESSES = 4  # at the first savings that fit, before what is left is halved


def first_within(
    budget_bytes: int,
    settings: Sequence[MemorySavings],
    expected_bytes: Sequence[float],
    need_bytes: Callable[[MemorySavings], float],
) -> int | None:
    """The index of the first of some savings that fit, where each holds less than the last.

    It looks where it expects to find it, learns from each answer how wrong that was, and halves
    what is left where that does not lead there soon.

    Args:
        budget_bytes: what they have to fit.
        settings: those savings.
        expected_bytes: what is expected that each needs.
        need_bytes: what it does need, which takes a while.
    """
    low, high = 0, len(settings)  # of the first that fits; beyond the last, where none does
    error_bytes: dict[int, float] = {}  # of what was expected, by index
    while low < high:
        if len(error_bytes) < _GUESSES:
            index = likely_first(budget_bytes, expected_bytes, error_bytes, low, high)
        else:
            index = (low + high) // 2
        need = need_bytes(settings[index])
        error_bytes[index] = need - expected_bytes[index]
        if need <= budget_bytes:
            high = index
        else:
            low = index + 1
    return high if high < len(settings) else None


def likely_first(
    budget_bytes: int,
    expected_bytes: Sequence[float],
    error_bytes: Mapping[int, float],
    low: int,
    high: int,
) -> int:
    """The first index from `low` on that is likely to fit; the one before `high` where none is.

    Errors between two that are known are taken to change evenly.
    """
    indices = range(low, high)
    known = sorted(error_bytes)
    errors = np.interp(indices, known, [error_bytes[index] for index in known]) if known else 0.0
    likely = np.flatnonzero(np.array(expected_bytes[low:high]) + errors <= budget_bytes)
    return low + int(likely[0]) if len(likely) else high - 1
