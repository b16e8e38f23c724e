"""`ArchitectureProgram`: architectures as the solutions of an integer program.

There is a variable for each candidate of each choice: whether it is taken. What several choices add
together (`Term`) has a variable for each combination, which is 1 where all of it is taken; that
follows from the others being whole numbers, so those need not be.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import LinearConstraint

from radars.cost.metric import Additive, Combination, Term
from radars.cost.program import solve
from radars.space import ALWAYS, Architecture, Candidate, Conditions, Keep, Subspace

Numbers = NDArray[np.float64]


class ArchitectureProgram:
    """The architectures of a subspace, within bounds.

    Args:
        subspace: what to choose from.
        sums: the costs that will be bounded or made least.
        conditions: which choices are made.
        extra: number of further variables, behind those of the candidates; not whole numbers.

    Attributes:
        pairs: choice and candidate of each variable of a candidate.
        rows: the linear constraints.
    """

    def __init__(
        self,
        subspace: Subspace,
        sums: Iterable[Additive] = (),
        conditions: Conditions = ALWAYS,
        extra: int = 0,
    ) -> None:
        self._subspace = subspace
        self.pairs = [(choice, name) for choice, names in subspace.items() for name in names]
        self._extra = extra
        self._term_start: dict[int, int] = {}  # id of a term to its first variable
        self._terms: list[tuple[Term, list[Combination]]] = []
        self._num_variables = len(self.pairs) + extra
        for known in sums:
            for term in known.terms:
                self._add_term(term)
        self.rows: list[LinearConstraint] = [self._one_each(conditions)]
        if self._terms:
            self.rows.append(self._linked())

    def _add_term(self, term: Term) -> None:
        if id(term) in self._term_start:
            return
        keys = term.keys_within(self._subspace)
        self._term_start[id(term)] = self._num_variables
        self._terms.append((term, keys))
        self._num_variables += len(keys)

    def _one_each(self, conditions: Conditions) -> LinearConstraint:
        """Each choice takes one candidate, where it is made."""
        taken = np.zeros((len(self._subspace), self._num_variables))
        ones = np.ones(len(self._subspace))
        for row, choice in enumerate(self._subspace):
            parent = conditions.parent(choice)
            for column, (other, name) in enumerate(self.pairs):
                taken[row, column] = float(other == choice)
                if parent is not None and other == parent[0] and name in parent[1]:
                    taken[row, column] = -1.0
            if parent is not None:
                ones[row] = 0.0
        return LinearConstraint(taken, ones, ones)

    def _linked(self) -> LinearConstraint:
        """A combination is taken where each part of it is, and one of each term is."""
        rows: list[Numbers] = []
        right: list[float] = []
        for term, keys in self._terms:
            start = self._term_start[id(term)]
            row = np.zeros(self._num_variables)
            row[start : start + len(keys)] = 1.0
            rows.append(row)
            right.append(1.0)
            for place, choice in enumerate(term.choices):
                for name in self._subspace.get(choice, ()):
                    row = np.zeros(self._num_variables)
                    for index, key in enumerate(keys):
                        row[start + index] = float(key[place] == name)
                    row[self.pairs.index((choice, name))] = -1.0
                    rows.append(row)
                    right.append(0.0)
        return LinearConstraint(np.array(rows), right, right)

    def row(self, known: Additive) -> Numbers:
        """The coefficients of a cost, without its fixed part."""
        row = np.zeros(self._num_variables)
        row[: len(self.pairs)] = [float(known.candidates[c][n]) for c, n in self.pairs]
        for term in known.terms:
            start = self._term_start[id(term)]
            keys = next(keys for other, keys in self._terms if other is term)
            row[start : start + len(keys)] = [term.numbers[key] for key in keys]
        return row

    def padded(
        self, of_pairs: Sequence[float] | Numbers, of_extra: Sequence[float] = ()
    ) -> Numbers:
        """Coefficients of candidates and of further variables, and 0 for combinations."""
        row = np.zeros(self._num_variables)
        row[: len(self.pairs)] = of_pairs
        row[len(self.pairs) : len(self.pairs) + len(of_extra)] = of_extra
        return row

    def keep(self, rules: Sequence[Keep]) -> None:
        """Adds the rows of rules."""
        for rule in rules:
            counts = np.array([self.padded(of) for of in self._counts(rule)])
            self.rows.append(LinearConstraint(counts, -np.inf, rule.limits))

    def bound(self, sums: Sequence[tuple[Additive, float]], rules: Sequence[Keep] = ()) -> None:
        """Adds the rows of bounds on costs and of rules, each scaled by what its bound leaves.

        Args:
            sums: costs that were given at the start, each with the most that it may be.
            rules: that are kept.
        """
        room = [limit - known.fixed for known, limit in sums] + [
            limit for rule in rules for limit in rule.limits
        ]
        if not room:
            return
        counts = [self.padded(of) for rule in rules for of in self._counts(rule)]
        rows = np.array([self.row(known) for known, _ in sums] + counts)
        scale = np.maximum(np.abs(np.array(room)), 1.0)  # or the solver's tolerance rules
        self.rows.append(LinearConstraint(rows / scale[:, None], -np.inf, room / scale))

    def _counts(self, rule: Keep) -> list[list[float]]:
        counts = [rule.counts(choice, name) for choice, name in self.pairs]
        return [[float(each[kind]) for each in counts] for kind in (0, 1)]

    def solve(self, objective: Numbers, most_of_extra: float = np.inf) -> Architecture | None:
        """The architecture with the least objective; None where nothing is within the rows."""
        num_pairs = len(self.pairs)
        num_terms = self._num_variables - num_pairs - self._extra
        solution = solve(
            objective,
            self.rows,
            integrality=[1] * num_pairs + [0] * (self._extra + num_terms),
            most=[1.0] * num_pairs + [most_of_extra] * self._extra + [1.0] * num_terms,
        )
        if solution is None:
            return None
        taken = zip(self.pairs, solution[:num_pairs], strict=True)
        return Architecture({choice: name for (choice, name), x in taken if x > 0.5})

    def solutions(self, objective: Numbers) -> Iterator[Architecture]:
        """Yields the architectures within the rows, each once, that with the least first."""
        for _ in range(self._subspace.num_architectures):
            architecture = self.solve(objective)
            if architecture is None:
                return
            self.exclude(architecture)
            yield architecture

    def exclude(self, architecture: Mapping[str, Candidate]) -> None:
        """Leaves an architecture out from now on."""
        taken = [float(c in architecture and architecture[c] == n) for c, n in self.pairs]
        self.rows.append(LinearConstraint(self.padded(taken)[None], -np.inf, len(architecture) - 1))
