"""Maturity: how far accuracies after brief training speak for those after the whole of it.

A search has time for a fraction f of the steps that what it finds is trained for in the end. Small
networks and candidates without weights learn first, so that what is best after a hundredth of the
steps is not best in the end. Two things are assumed, which leave one number:

- What a network gains in one part of its training says nothing of what it gains in the next: its
  accuracy is a random walk.
- It drifts where rankers say. Their correlation c with accuracy in the end is `CORRELATION`.

With the standard deviation of accuracies in the end as the unit, a network that rankers put z
deviations above the mean has the accuracy c f z + sqrt(1 - c^2) W(f) after the fraction f, where W
is Brownian motion. So its expected accuracy in the end is what it has, and c (1 - f) z. After the
whole training that is nothing, and training alone decides; after a hundredth of it, when networks
differ by a tenth of what they will, rankers have the larger say.
"""

import math

CORRELATION = 0.5
"""Of what rankers say together with accuracy after the whole training."""

FINAL_EPOCHS = 60
"""Of the whole training where nothing else is said: those of `radars.train`."""


def deviation_after(fraction: float) -> float:
    """The standard deviation of accuracies over networks, in that after the whole training."""
    return math.sqrt(fraction * (1 - CORRELATION**2 * (1 - fraction)))


def gain_to_come(fraction: float, final_deviation: float) -> float:
    """What a network is expected to gain on the others in the rest of its training.

    Args:
        fraction: the part of the whole training that it has had.
        final_deviation: the standard deviation of accuracies over networks after the whole.

    Returns:
        For each standard deviation that rankers put it above the mean.
    """
    return CORRELATION * (1 - fraction) * final_deviation
