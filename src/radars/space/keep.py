"""`Keep`: of some choices only so many take something, as of the edges into a node of a cell."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from radars.errors import SpaceError
from radars.space.choose import Candidate
from radars.space.conditions import ALWAYS, Conditions
from radars.space.subspace import Architecture, Subspace


@dataclass(frozen=True)
class Keep:
    """A rule: exactly `number` of these choices take something; the others take `nothing`.

    In DARTS a node keeps the two strongest of its inputs: the choices are its edges.

    Attributes:
        choices: the choices.
        number: how many of them take a candidate other than `nothing`.
        nothing: the candidate of the others, whose cost is 0.
        weighed_together: whether the mixture weights of these choices add up to 1 over all of them
            together, instead of over each: the edge normalisation of PC-DARTS (Xu et al. 2020,
            section 3.3). What the logits of one choice have in common then is its own weight.
    """

    choices: tuple[str, ...]
    number: int
    nothing: str = "none"
    weighed_together: bool = False

    def allows(self, architecture: Mapping[str, Candidate]) -> bool:
        """Whether an architecture keeps that many."""
        kept = [choice for choice in self.choices if architecture[choice] != self.nothing]
        return len(kept) == self.number

    def counts(self, choice: str, candidate: Candidate) -> tuple[int, int]:
        """What a candidate adds to those that take something, and to those that take nothing."""
        if choice not in self.choices:
            return 0, 0
        return int(candidate != self.nothing), int(candidate == self.nothing)

    @property
    def limits(self) -> tuple[int, int]:
        """The most of both kinds; where neither is exceeded, the rule is kept."""
        return self.number, len(self.choices) - self.number


def check_rules(rules: Sequence[Keep], full: Subspace, conditions: Conditions = ALWAYS) -> None:
    """Checks the rules of a space.

    Raises:
        SpaceError: a rule names an unknown choice, one that another rule names, or one that is not
            always made; or it cannot be kept.
    """
    named = [choice for rule in rules for choice in rule.choices]
    unknown = [choice for choice in named if choice not in full]
    if unknown:
        raise SpaceError(
            f"a rule names choices of the space, but {unknown[0]!r} is not one; use the names "
            f"given to choose"
        )
    twice = [choice for choice in named if named.count(choice) > 1]
    if twice:
        raise SpaceError(
            f"a choice follows one rule, but {twice[0]!r} is named twice; join the rules"
        )
    sometimes = [choice for choice in named if conditions.parent(choice) is not None]
    if sometimes:
        raise SpaceError(
            f"a rule names choices that are always made, but {sometimes[0]!r} is not; make it "
            f"always, or leave it out"
        )
    best_keeping(rules, {}, full)


def best_keeping(
    rules: Sequence[Keep],
    scores: Mapping[str, Mapping[str, float]],
    subspace: Subspace,
    conditions: Conditions = ALWAYS,
) -> Architecture:
    """The architecture with the largest sum of scores that keeps all rules; the first among equals.

    Args:
        rules: about different choices.
        scores: choice to candidate to score; what is missing scores 0.
        subspace: what to choose from.
        conditions: which choices are made.

    Raises:
        SpaceError: no architecture of the subspace keeps them.
    """
    scores = conditions.with_best_below(scores, subspace)

    def score(choice: str, name: str) -> float:
        return scores.get(choice, {}).get(name, 0.0)

    def best_of(choice: str, names: Sequence[str]) -> str:
        return max(names, key=lambda name: score(choice, name))

    taken = {choice: best_of(choice, names) for choice, names in subspace.items()}
    for rule in rules:
        something: dict[str, str] = {}
        gain: dict[str, float] = {}  # of taking something
        for choice in rule.choices:
            others = [name for name in subspace[choice] if name != rule.nothing]
            something[choice] = best_of(choice, others or [rule.nothing])
            if not others:
                gain[choice] = -math.inf
            elif rule.nothing not in subspace[choice]:
                gain[choice] = math.inf
            else:
                gain[choice] = score(choice, something[choice]) - score(choice, rule.nothing)
        ranked = sorted(rule.choices, key=gain.__getitem__, reverse=True)
        taken |= {choice: something[choice] for choice in ranked[: rule.number]}
        taken |= dict.fromkeys(ranked[rule.number :], rule.nothing)
        if not rule.allows(taken) or any(taken[c] not in subspace[c] for c in rule.choices):
            raise SpaceError(
                f"exactly {rule.number} of the choices {', '.join(rule.choices)} take something "
                f"other than {rule.nothing!r}, but their candidates do not allow it; change the "
                f"number or the candidates"
            )
    return Architecture(conditions.made(taken))


def num_keeping(rules: Sequence[Keep], subspace: Subspace, conditions: Conditions = ALWAYS) -> int:
    """How many architectures of a subspace keep all rules."""
    total = 1
    numbers = conditions.numbers(subspace)
    free = set(subspace)
    for rule in rules:
        free -= set(rule.choices)
        by_number = [1]  # of the choices so far, how many ways there are to keep 0, 1, 2, ...
        for choice in rule.choices:
            nothing = numbers[choice].get(rule.nothing, 0)
            something = sum(numbers[choice].values()) - nothing
            pairs = zip([*by_number, 0], [0, *by_number], strict=True)
            by_number = [nothing * same + something * fewer for same, fewer in pairs]
        total *= by_number[rule.number] if rule.number < len(by_number) else 0
    for choice in free:
        if conditions.parent(choice) is None:
            total *= sum(numbers[choice].values())
    return total
