"""`LayerCosts`: what a layer costs, by the few choices that this depends on; and sums of them."""

from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, field

from radars.cost.metric import ABSENT, Combination, Term
from radars.cost.parts import ModuleCost
from radars.space import Architecture, Candidate

Counts = tuple[int, ...]
"""The fields of a `ModuleCost`, in their order."""

NOTHING: Counts = astuple(ModuleCost())
"""The costs of a layer that a network does not have."""

_Tables = dict[tuple[str, ...], dict[Combination, Counts]]


@dataclass
class LayerCosts:
    """What is known of the modules of one name.

    Attributes:
        choices: those that its costs depend on, as far as known.
        known: their candidates to its costs, and to the architecture that showed it.
    """

    choices: tuple[str, ...] = ()
    known: dict[Combination, tuple[Counts, Architecture]] = field(default_factory=dict)

    def key(self, architecture: Mapping[str, Candidate]) -> Combination:
        """What an architecture takes for the choices."""
        return tuple(architecture.get(choice, ABSENT) for choice in self.choices)

    def depend_on(
        self, choices: tuple[str, ...], traced: Iterable[tuple[Architecture, Counts]]
    ) -> None:
        """From now on distinguishes its costs by these choices, which are more than before.

        Args:
            choices: those of the space, in its order.
            traced: every architecture that was traced, and what the layer costs in it.
        """
        self.choices = choices
        self.known = {
            self.key(witness): (counts, witness) for counts, witness in self.known.values()
        }
        for architecture, counts in traced:
            self.known.setdefault(self.key(architecture), (counts, architecture))


def terms_of(layers: Iterable[LayerCosts]) -> dict[str, tuple[Term, ...]]:
    """Sums over the layers that depend on the same choices, by field of `ModuleCost`."""
    tables: _Tables = {}
    for layer in layers:
        table = tables.setdefault(layer.choices, {})
        for key, (counts, _) in layer.known.items():
            table[key] = _sum(table.get(key, NOTHING), counts)
    return {
        name: tuple(
            Term(choices, {key: float(counts[index]) for key, counts in table.items()})
            for choices, table in _merged(tables).items()
        )
        for index, name in enumerate(vars(ModuleCost()))
    }


def _merged(tables: _Tables) -> _Tables:
    """The tables without those whose choices are among another's, which has their numbers too."""
    merged: _Tables = {}
    for choices in sorted(tables, key=len, reverse=True):
        larger = next((other for other in merged if set(choices) <= set(other)), None)
        if larger is None:
            merged[choices] = dict(tables[choices])
            continue
        places = [larger.index(choice) for choice in choices]
        for key, counts in merged[larger].items():
            added = tables[choices].get(tuple(key[place] for place in places), NOTHING)
            merged[larger][key] = _sum(counts, added)
    return merged


def _sum(first: Counts, other: Counts) -> Counts:
    return tuple(a + b for a, b in zip(first, other, strict=True))
