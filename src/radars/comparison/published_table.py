"""`PublishedTable`: what every architecture of a space reached when it was trained.

A table judges a search afterwards; no search reads one.

Shapes: E entries of a table; A of them satisfy some constraints; Q architectures that are asked
about.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radars.cost import Constraint
from radars.errors import ConfigError, DataError, SpaceError
from radars.space import Architecture

Constraints = Iterable[Constraint]


@dataclass(frozen=True)
class Entry:
    """What a table says of one architecture; None where it says nothing.

    Attributes:
        test_accuracy: a fraction in [0, 1], the mean over the table's trainings.
        validation_accuracy: the same, on validation examples.
        macs: multiply-accumulates of one forward pass of one example.
        parameters: number of parameters.
    """

    test_accuracy: float
    validation_accuracy: float | None = None
    macs: int | None = None
    parameters: int | None = None


class PublishedTable(Mapping[Architecture, Entry]):
    """Architecture to entry, with ranks by test accuracy.

    Args:
        name: the name of the publication, such as `nas-bench-macro`.
        space: the name of the space in the zoo.
        entries: architecture to entry, at least one.

    Raises:
        DataError: there is no entry.
    """

    def __init__(self, name: str, space: str, entries: Mapping[Architecture, Entry]) -> None:
        if not entries:
            raise DataError(
                f"a table has at least one entry, but {name} has none; download it again"
            )
        self.name = name
        self.space = space
        self._entries = dict(entries)
        self._architectures = list(entries)
        self._accuracy_E = np.array([entry.test_accuracy for entry in entries.values()])
        self._ascending: dict[tuple[Constraint, ...], NDArray[np.float64]] = {}

    def __getitem__(self, architecture: Architecture) -> Entry:
        return self._entries[architecture]

    def __iter__(self) -> Iterator[Architecture]:
        return iter(self._architectures)

    def __len__(self) -> int:
        return len(self._architectures)

    def __repr__(self) -> str:
        return f"PublishedTable({self.name!r}, space={self.space!r}, entries={len(self)})"

    def accuracy(self, architecture: Mapping[str, str]) -> float:
        """The test accuracy of an architecture, a fraction in [0, 1].

        Raises:
            SpaceError: the architecture is not in the table.
        """
        return self._entry(architecture).test_accuracy

    def num_allowed(self, constraints: Constraints = ()) -> int:
        """How many architectures satisfy every constraint: A.

        Raises:
            ConfigError: none does, or the table does not say what a constraint bounds.
        """
        return len(self._allowed_accuracies(tuple(constraints)))

    def best(self, constraints: Constraints = ()) -> Architecture:
        """The most accurate architecture that satisfies every constraint; of equals, the first.

        Raises:
            ConfigError: none does, or the table does not say what a constraint bounds.
        """
        allowed_E = self._allowed(tuple(constraints))
        return self._architectures[int(np.where(allowed_E, self._accuracy_E, -1.0).argmax())]

    def largest(self, constraints: Constraints = ()) -> Architecture:
        """That of the most multiply-accumulates within every constraint; of equals, the first.

        Raises:
            ConfigError: none satisfies them, or the table does not say what a constraint bounds, or
                gives no multiply-accumulates.
        """
        allowed_E = self._allowed(tuple(constraints))
        macs = [entry.macs for entry in self._entries.values()]
        known = [count for count in macs if count is not None]
        if len(known) < len(macs):
            raise ConfigError(
                f"the table {self.name} does not say what each architecture costs; "
                "leave --constraint out, or judge by another table"
            )
        return self._architectures[int(np.where(allowed_E, np.array(known), -1).argmax())]

    def accuracies(self, constraints: Constraints = ()) -> NDArray[np.float64]:
        """The test accuracies of all that satisfy every constraint, ascending: (A,).

        Raises:
            ConfigError: none does, or the table does not say what a constraint bounds.
        """
        return self._allowed_accuracies(tuple(constraints)).copy()

    def rank(self, architecture: Mapping[str, str], constraints: Constraints = ()) -> int:
        """1 and how many architectures that satisfy every constraint are strictly more accurate.

        Architectures of equal accuracy, such as those that build the same network, share a rank.

        Raises:
            SpaceError: the architecture is not in the table, or breaks a constraint.
            ConfigError: none satisfies the constraints, or the table does not say what one bounds.
        """
        return int(self.ranks([architecture], constraints)[0])

    def ranks(
        self, architectures: Iterable[Mapping[str, str]], constraints: Constraints = ()
    ) -> NDArray[np.int64]:
        """The `rank` of each architecture: (Q,).

        Raises:
            SpaceError: an architecture is not in the table, or breaks a constraint.
            ConfigError: none satisfies the constraints, or the table does not say what one bounds.
        """
        constraints = tuple(constraints)
        ascending_A = self._allowed_accuracies(constraints)
        accuracy_Q = self._accuracies(architectures, constraints)
        return 1 + len(ascending_A) - np.searchsorted(ascending_A, accuracy_Q, side="right")

    def regret(self, architecture: Mapping[str, str], constraints: Constraints = ()) -> float:
        """How much less accurate than the best it is, a fraction: 0.01 is one point.

        Raises:
            SpaceError: the architecture is not in the table, or breaks a constraint.
            ConfigError: none satisfies the constraints, or the table does not say what one bounds.
        """
        constraints = tuple(constraints)
        best = self._allowed_accuracies(constraints)[-1]
        return float(best - self._accuracies([architecture], constraints)[0])

    def _entry(self, architecture: Mapping[str, str]) -> Entry:
        entry = self._entries.get(Architecture(architecture))
        if entry is None:
            raise SpaceError(
                f"the table {self.name} has {len(self):,} architectures of {self.space}, but not "
                f"{dict(architecture)}; give an architecture of that space"
            )
        return entry

    def _accuracies(
        self, architectures: Iterable[Mapping[str, str]], constraints: tuple[Constraint, ...]
    ) -> NDArray[np.float64]:
        """Test accuracies (Q,) of architectures that satisfy every constraint."""
        entries = []
        for architecture in architectures:
            entry = self._entry(architecture)
            for constraint in constraints:
                cost = self._cost(entry, constraint)
                if cost > constraint.limit:
                    raise SpaceError(
                        f"what is ranked under {constraint} satisfies it, but this architecture "
                        f"has {cost:,} {constraint.metric}: {dict(architecture)}; "
                        "leave the constraint out, or rank another architecture"
                    )
            entries.append(entry)
        return np.array([entry.test_accuracy for entry in entries], dtype=np.float64)

    def _allowed_accuracies(self, constraints: tuple[Constraint, ...]) -> NDArray[np.float64]:
        """Test accuracies (A,) of what satisfies every constraint, ascending."""
        if constraints not in self._ascending:
            self._ascending[constraints] = np.sort(self._accuracy_E[self._allowed(constraints)])
        return self._ascending[constraints]

    def _allowed(self, constraints: tuple[Constraint, ...]) -> NDArray[np.bool_]:
        """Which architectures satisfy every constraint: (E,)."""
        allowed_E = np.ones(len(self), dtype=bool)
        for constraint in constraints:
            costs = [self._cost(entry, constraint) for entry in self._entries.values()]
            allowed_E &= np.array(costs) <= constraint.limit
        if not allowed_E.any():
            raise ConfigError(
                f"no architecture of the table {self.name} satisfies "
                f"{' and '.join(map(str, constraints))}; loosen it"
            )
        return allowed_E

    def _cost(self, entry: Entry, constraint: Constraint) -> int:
        cost: int | None = getattr(entry, constraint.metric, None)
        if cost is None:
            raise ConfigError(
                f"a table says what a constraint bounds, but {self.name} does not give "
                f"{constraint.metric} for {constraint}; leave the constraint out"
            )
        return cost
