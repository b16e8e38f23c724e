"""`Metric`: one cost of the architectures of a space, as sums over their candidates."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from radars.space import Candidate

Whole = Callable[[Mapping[str, str]], float]
"""The cost of the whole network of an architecture."""


class _Absent:
    """In a combination of candidates: a choice that is not made."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = _Absent()

Combination = tuple[Candidate, ...]
"""What some choices take, in their order; ABSENT for one that is not made."""


@dataclass(frozen=True)
class Term:
    """A number that depends on several choices together.

    Attributes:
        choices: which ones.
        numbers: what they took, in this order, to the number; ABSENT for what is not made. What is
            missing is 0.
    """

    choices: tuple[str, ...]
    numbers: Mapping[Combination, float]

    def of(self, architecture: Mapping[str, Candidate]) -> float:
        """The number of an architecture."""
        return self.numbers.get(tuple(architecture.get(c, ABSENT) for c in self.choices), 0.0)

    def keys_within(self, subspace: Mapping[str, tuple[Candidate, ...]]) -> list[Combination]:
        """The keys of `numbers` that take candidates of a subspace only."""
        return [
            key
            for key in self.numbers
            if all(
                name is ABSENT or name in subspace.get(choice, ())
                for choice, name in zip(self.choices, key, strict=True)
            )
        ]


@dataclass(frozen=True)
class Additive:
    """A number that adds up.

    Attributes:
        fixed: that of the fixed part.
        candidates: choice to candidate to what it adds by itself.
        terms: what choices add together.
    """

    fixed: float
    candidates: Mapping[str, Mapping[Candidate, float]]
    terms: tuple[Term, ...] = ()

    def of(self, architecture: Mapping[str, Candidate]) -> float:
        """The number of an architecture."""
        total = self.fixed + sum(self.candidates[c][name] for c, name in architecture.items())
        return total + sum(term.of(architecture) for term in self.terms) if self.terms else total


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
