"""`BoundedDraw`: an architecture choice by choice, where costs depend on several choices together.

What is left to choose adds the least that it can, term by term: no bound is missed that an
architecture could keep, but several terms may not have their least together, and a draw may end
where nothing is left.
"""

from collections.abc import Sequence

from radars.cost.metric import Additive, Term
from radars.space import Candidate, Conditions, Keep, Subspace

Bounded = tuple[Additive, float]
"""A cost, and the most that it may be."""


class BoundedDraw:
    """One draw.

    Args:
        subspace: what to draw from.
        conditions: which choices are made.
        bounds: the bounds on costs.
        rules: that are kept.
    """

    def __init__(
        self,
        subspace: Subspace,
        conditions: Conditions,
        bounds: Sequence[Bounded],
        rules: Sequence[Keep],
    ) -> None:
        self._subspace = subspace
        self._conditions = conditions
        self._rules = rules
        self.taken: dict[str, Candidate] = {}
        self._sums = [_OpenSum(known, limit, subspace, conditions) for known, limit in bounds]

    def allowed(self, choice: str) -> tuple[Candidate, ...]:
        """The candidates of a choice with which everything may still be kept."""
        return tuple(
            name
            for name in self._subspace[choice]
            if all(known.allows(choice, name) for known in self._sums)
            and all(self._may_keep(rule, choice, name) for rule in self._rules)
        )

    def take(self, choice: str, name: Candidate) -> None:
        """Takes a candidate."""
        self.taken[choice] = name
        for known in self._sums:
            known.take(choice, name)

    def is_made(self, choice: str) -> bool:
        """Whether a choice is made, whose parent was drawn."""
        return self._conditions.is_made(choice, self.taken)

    def _may_keep(self, rule: Keep, choice: str, name: Candidate) -> bool:
        """Whether neither kind of candidate has to be taken too often."""
        taken = {**self.taken, choice: name}
        for kind, limit in enumerate(rule.limits):
            least = 0
            for other in rule.choices:
                names = (taken[other],) if other in taken else self._subspace[other]
                least += min(rule.counts(other, each)[kind] for each in names)
            if least > limit:
                return False
        return True


class _OpenSum:
    """A cost of which some choices are drawn, and the others add the least that they can."""

    def __init__(
        self, known: Additive, limit: float, subspace: Subspace, conditions: Conditions
    ) -> None:
        self._known = known
        self._limit = limit
        self._least_alone = {}
        for choice, names in subspace.items():
            least = min(float(known.candidates[choice][name]) for name in names)
            self._least_alone[choice] = (
                least if conditions.parent(choice) is None else min(least, 0)
            )
        self._open = {id(term): term.keys_within(subspace) for term in known.terms}
        self._of_choice: dict[str, list[Term]] = {choice: [] for choice in subspace}
        for term in known.terms:
            for choice in term.choices:
                self._of_choice.setdefault(choice, []).append(term)
        self._least = {
            id(term): min((term.numbers[key] for key in self._open[id(term)]), default=0.0)
            for term in known.terms
        }
        self._total = known.fixed + sum(self._least_alone.values()) + sum(self._least.values())

    def allows(self, choice: str, name: Candidate) -> bool:
        total = self._total - self._least_alone[choice]
        total += float(self._known.candidates[choice][name])
        for term in self._of_choice[choice]:
            place = term.choices.index(choice)
            total -= self._least[id(term)]
            total += min(
                (term.numbers[key] for key in self._open[id(term)] if key[place] == name),
                default=0.0,
            )
        return total <= self._limit * (1 + 1e-12)

    def take(self, choice: str, name: Candidate) -> None:
        alone = float(self._known.candidates[choice][name])
        self._total += alone - self._least_alone[choice]
        self._least_alone[choice] = alone
        for term in self._of_choice[choice]:
            place = term.choices.index(choice)
            keys = [key for key in self._open[id(term)] if key[place] == name]
            least = min((term.numbers[key] for key in keys), default=0.0)
            self._total += least - self._least[id(term)]
            self._open[id(term)], self._least[id(term)] = keys, least
