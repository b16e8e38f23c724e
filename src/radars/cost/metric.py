"""`Metric`: one cost of the architectures of a space, as sums over their candidates."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Whole = Callable[[Mapping[str, str]], float]
"""The cost of the whole network of an architecture."""


@dataclass(frozen=True)
class Additive:
    """A number that adds up: that of the fixed part, and that of each choice's candidate."""

    fixed: float
    candidates: Mapping[str, Mapping[str, float]]

    def of(self, architecture: Mapping[str, str]) -> float:
        """The number of an architecture."""
        return self.fixed + sum(self.candidates[c][name] for c, name in architecture.items())


@dataclass(frozen=True)
class Metric:
    """One cost, such as multiply-accumulates or milliseconds.

    Attributes:
        sums: the cost is the largest of these; most costs are one sum.
        whole: that of the whole network, traced or measured, where the sums only estimate it; None
            where they are exact.
        measured: what was measured for it, which a run keeps, to go on with the same.
        margin: how far below a bound the whole network has to be, as a fraction: what is measured
            again is another number.
    """

    sums: tuple[Additive, ...]
    whole: Whole | None = None
    margin: float = 0.0
    measured: tuple[Any, ...] = field(default=(), compare=False)

    def of(self, architecture: Mapping[str, str]) -> float:
        """The cost of an architecture by its sums."""
        return max(known.of(architecture) for known in self.sums)

    def holds(self, architecture: Mapping[str, str], limit: float) -> bool:
        """Whether the whole network stays within a bound; traced or measured where need be."""
        if self.whole is None:
            return self.of(architecture) <= limit
        return self.whole(architecture) * (1.0 + self.margin) <= limit
