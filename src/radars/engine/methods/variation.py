"""Variation: what is made of architectures that are known: neighbours, mutations, crossovers."""

from collections.abc import Iterator, Mapping

import torch

from radars.engine.context import SearchContext
from radars.space import Architecture, SearchSpace

_MAX_CROSSOVERS = 20


def mutate(
    context: SearchContext, parent: Architecture, generator: torch.Generator
) -> Architecture:
    """Changes one choice of an architecture: the first of its `neighbours`.

    Returns:
        The mutation; a uniform draw where no single change of the parent is allowed.
    """
    for child in neighbours(context, parent, generator):
        return child
    return context.sampler.draw_uniform(generator)


def neighbours(
    context: SearchContext, architecture: Architecture, generator: torch.Generator
) -> Iterator[Architecture]:
    """Yields what differs in one choice, in random order, within constraints and budget.

    Where a change breaks a rule of the space, another choice of the rule is changed with it, at
    random; choices that are made anew are drawn.
    """
    changes = [
        (choice, name)
        for choice, names in context.problem.proxy.full.items()
        if choice in architecture
        for name in names
        if name != architecture[choice]
    ]
    for index in torch.randperm(len(changes), generator=generator).tolist():
        choice, name = changes[index]
        changed = {**architecture, choice: name}
        neighbour = _repaired(context.problem.proxy, changed, choice, generator)
        neighbour = context.problem.proxy.completed(neighbour, generator)
        if context.sampler.allows(neighbour):
            yield neighbour


def cross(
    context: SearchContext, first: Architecture, second: Architecture, generator: torch.Generator
) -> Architecture:
    """Takes each choice from one of two architectures, within constraints and budget.

    The choices of a rule come from the same one.

    Returns:
        The crossover; a mutation of the first where several crossovers are not allowed.
    """
    space = context.problem.proxy
    leader = {c: rule.choices[0] for rule in space.rules for c in rule.choices}
    either = [choice for choice in space.full if choice in first or choice in second]
    for _ in range(_MAX_CROSSOVERS):
        coin = torch.randint(2, (len(either),), generator=generator).tolist()
        side = dict(zip(either, coin, strict=True))
        taken = {}
        for choice in either:
            is_of_second = side[leader.get(choice, choice)]
            parent, other = (second, first) if is_of_second else (first, second)
            taken[choice] = parent[choice] if choice in parent else other[choice]
        child = space.made(taken)
        if context.sampler.allows(child):
            return child
    return mutate(context, first, generator)


def _repaired(
    space: SearchSpace, child: Mapping[str, str], changed: str, generator: torch.Generator
) -> Architecture:
    """The architecture with another choice of a broken rule changed too, at random."""
    child = dict(child)
    for rule in space.rules:
        if changed not in rule.choices or rule.allows(child):
            continue
        is_kept = child[changed] != rule.nothing
        others = [
            (choice, name)
            for choice in rule.choices
            if choice != changed and (child[choice] != rule.nothing) == is_kept
            for name in space.full[choice]
            if (name != rule.nothing) != is_kept
        ]
        if others:
            choice, name = others[int(torch.randint(len(others), (), generator=generator))]
            child[choice] = name
    return Architecture(child)
