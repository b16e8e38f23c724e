"""Maturity: how far accuracies after brief training speak for those after the whole of it.

A search trains networks for a fraction f of the way that what it finds is trained in the end. Small
networks and candidates without weights learn first, so that what is best early on is not best in
the end. Two things are assumed, which leave one number:

- What a network gains in one part of its training says nothing of what it gains in the next: its
  accuracy is a random walk.
- It drifts where rankers say. Their correlation c with accuracy in the end is `CORRELATION`.

With the standard deviation of accuracies in the end as the unit, a network that rankers put z
deviations above the mean has the accuracy c f z + sqrt(1 - c^2) W(f) after the fraction f, where W
is Brownian motion. So its expected accuracy in the end is what it has, and c (1 - f) z. After the
whole training that is nothing, and training alone decides; after a hundredth of it, when networks
differ by a tenth of what they will, rankers have the larger say.

How much of the way is done, two things tell, of which the larger counts: the part of the steps, and
what the best network has learnt of what there is to learn, which is Cohen's kappa of its accuracy.
Where that is nearly all, it is clear who is best, after however few steps. In between accuracy runs
ahead of the steps, about as their fourth root (`LEARNING_EXPONENT`).

Accuracies lie between chance and 1. So where they differ early on by as much as that allows, they
will not differ by more in the end (`largest_deviation`), and what a network can gain is bounded.
"""

import math

CORRELATION = 0.5
"""The correlation of what rankers say together with accuracy after the whole training."""

LEARNING_EXPONENT = 4
"""The steps that a network takes to learn a part of what there is grow as this power of the part.

On CIFAR-10 networks of NAS-Bench-Macro have a mean kappa of 0.23 and 0.35 after 0.16% and 0.64% of
60 epochs, those of NAS-Bench-201 one of 0.16 and 0.28 (`benchmarks/early_accuracy.py`): powers of
4.4, 4.8, 3.5 and 4.0.
"""

FINAL_EPOCHS = 60
"""The epochs of the whole training by default: those of `radars.train`."""


def way_learnt(accuracy: float, num_classes: int) -> float:
    """What part of the way of its training a network is expected to have behind it.

    Args:
        accuracy: what it has reached, of 0 to 1; chance or less is none of the way.
        num_classes: among which it decides.
    """
    chance = 1.0 / max(2, num_classes)
    kappa = max(0.0, (accuracy - chance) / (1.0 - chance))
    return kappa**LEARNING_EXPONENT


def largest_deviation(num_classes: int) -> float:
    """The most that final accuracies deviate: they fill all between chance and 1 evenly."""
    return (1.0 - 1.0 / max(2, num_classes)) / math.sqrt(12)


def deviation_after(fraction: float) -> float:
    """The standard deviation of accuracies over networks, in that after the whole training."""
    return math.sqrt(fraction * (1 - CORRELATION**2 * (1 - fraction)))


def gain_to_come(fraction: float, final_deviation: float) -> float:
    """What a network is expected to gain on the others in the rest of its training.

    Args:
        fraction: the part of the way that is done.
        final_deviation: the standard deviation of accuracies over networks after the whole.

    Returns:
        For each standard deviation that rankers put it above the mean.
    """
    return CORRELATION * (1 - fraction) * final_deviation
