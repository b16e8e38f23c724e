"""The small spaces that judge searches: each with its data and how its table is made.

What is here is frozen: another number makes another table.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tabular import data
from tabular.data import Examples
from tabular.spaces.cells import cells
from tabular.spaces.columns import columns
from tabular.spaces.mixers import mixers
from tabular.spaces.plain import plain
from tabular.spaces.scarce import scarce
from tabular.spaces.signals import signals

from radars.space import Network
from radars.zoo.digits import digits


@dataclass(frozen=True)
class Recipe:
    """How each network of a table is trained: AdamW, the rate falling to 0 along a cosine.

    Attributes:
        epochs: how often every example is seen.
        batch_size: examples per step.
        learning_rate: the rate of the first step.
        weight_decay: the decay of every parameter.
    """

    epochs: int
    batch_size: int = 50
    learning_rate: float = 3e-3
    weight_decay: float = 1e-2

    def steps(self, num_examples: int) -> int:
        """Training steps, of so many examples; the rest of an epoch is left out."""
        return self.epochs * (num_examples // self.batch_size)


@dataclass(frozen=True)
class Setting:
    """A space, its data (from the folder of published data), and the recipe of its table.

    Attributes:
        network: the space's function.
        examples: its data, from the folder of published data.
        recipe: the recipe of its table.
    """

    network: Network
    examples: Callable[[Path], Examples]
    recipe: Recipe


SETTINGS = {
    "digits": Setting(digits, data.faint_digits, Recipe(epochs=4)),
    "cells": Setting(cells, data.small_cifar10, Recipe(4, batch_size=100, learning_rate=5e-3)),
    "mixers": Setting(mixers, data.noisy_digits, Recipe(12, learning_rate=5e-3)),
    "signals": Setting(signals, data.motifs, Recipe(12, batch_size=100, learning_rate=6e-3)),
    "columns": Setting(columns, data.rules, Recipe(15, batch_size=100, learning_rate=6e-3)),
    "scarce": Setting(
        scarce, data.few_rows, Recipe(80, batch_size=100, learning_rate=1e-2, weight_decay=0)
    ),
    "plain": Setting(plain, data.noisy_digits, Recipe(epochs=6)),
}
