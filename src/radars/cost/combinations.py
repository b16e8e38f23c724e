"""Combinations of candidates of a few choices: which of them some architecture of a space has."""

from collections.abc import Iterable, Sequence
from itertools import product
from math import prod

from radars.cost.metric import ABSENT, Combination
from radars.errors import SpaceError
from radars.space import Candidate, SearchSpace

Needs = dict[str, Candidate]
"""What has to be taken for a combination."""

_MAX_COMBINATIONS = 5000  # of one layer


def combinations(space: SearchSpace, choices: Sequence[str]) -> dict[Combination, Needs]:
    """The combinations of candidates of some choices that some architecture has, with their needs.

    Args:
        space: the search space.
        choices: those of the space, in its order.

    Raises:
        SpaceError: there are too many, for the choices on which the costs of a layer depend.
    """
    options = [
        (*space.full[c], *((ABSENT,) if space.conditions.parent(c) else ())) for c in choices
    ]
    if prod(map(len, options)) > _MAX_COMBINATIONS:
        raise SpaceError(
            f"the costs of a layer depend on a few choices, but one of {space.name!r} "
            f"depends on {', '.join(choices)}; give them fewer values, or let fewer of "
            f"them decide about one layer"
        )
    needs = {each: needs_of(space, choices, each) for each in product(*options)}
    return {each: need for each, need in needs.items() if need is not None}


def needs_of(
    space: SearchSpace, choices: Iterable[str], combination: Iterable[Candidate]
) -> Needs | None:
    """What has to be taken for a combination; None where no architecture has it.

    Beside the combination itself, these are the candidates that decide which of its choices are
    made.

    Args:
        space: the search space.
        choices: those of the space, in its order, so that each is behind what decides whether it
            is made.
        combination: what they take.
    """
    conditions = space.conditions
    needs: Needs = {}
    excluded: dict[str, set[Candidate]] = {}
    for choice, candidate in zip(choices, combination, strict=True):
        name = choice
        if candidate is ABSENT:
            parent = conditions.parent(choice)
            assert parent is not None
            excluded.setdefault(parent[0], set()).update(parent[1])
            continue
        needs[choice] = candidate
        while (parent := conditions.parent(name)) is not None:
            name, under = parent
            if name not in needs:
                needs[name] = under[-1]
            elif needs[name] not in under:
                return None
    for choice, unwanted in excluded.items():
        if choice in needs:
            if needs[choice] in unwanted:
                return None
        else:
            others = [c for c in space.full[choice] if c not in unwanted]
            if not others:
                return None
            needs[choice] = others[0]
    return needs
