"""A path that holds no less than any other: what fits it fits all, by one trace."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from radars.memory.prices import Price, Prices
from radars.nn.memory_saving.savings import MemorySavings
from radars.space import Architecture, Subspace


@dataclass(frozen=True)
class Dominating:
    """The dearest path, element by element.

    Attributes:
        path: the candidate of each choice that adds most; whatever rules say.
        beyond_bytes: what another path may hold beyond it by prices, as a candidate that adds less
            in all may still keep more, or have more weights.
    """

    path: Architecture
    beyond_bytes: int


def dominating(
    places: Sequence[tuple[str, Prices]],
    savings: MemorySavings,
    extra: Mapping[str, Price],
    within: Subspace | None = None,
) -> Dominating:
    """The path that holds no less than any other with some savings.

    Args:
        places: choice and prices of its candidates, in the order of the forward pass.
        savings: what trades time for memory.
        extra: candidate, as `choice/name`, to what it holds beyond its prices.
        within: the subspace of the paths; None for all.
    """
    added = _added(places, savings, extra)
    if within is not None:
        added = {choice: {name: added[choice][name] for name in within[choice]} for choice in added}
    taken = {
        choice: max(by_name, key=lambda name: by_name[name].total)
        for choice, by_name in added.items()
    }
    beyond, passing, most_passing = 0.0, 0.0, 0.0
    for choice, by_name in added.items():
        dearest = by_name[taken[choice]]
        for part in ("resident", "gradients", "saved"):
            most = max(getattr(each, part) for each in by_name.values())
            beyond += most - getattr(dearest, part)
        passing = max(passing, dearest.passing)
        most_passing = max(most_passing, *(each.passing for each in by_name.values()))
    return Dominating(Architecture(taken), round(beyond + most_passing - passing))


def around(
    path: Architecture,
    places: Sequence[tuple[str, Prices]],
    savings: MemorySavings,
    extra: Mapping[str, Price],
) -> list[Subspace]:
    """Subspaces with a path in them, each in the last, down to the path alone.

    In ever more choices, first where the path is cheapest, nothing adds more than what it takes.

    Args:
        path: that all of them have.
        places: as for `dominating`, and what follows.
        savings: likewise.
        extra: likewise.
    """
    total = {
        choice: {name: each.total for name, each in by_name.items()}
        for choice, by_name in _added(places, savings, extra).items()
    }
    spared = {choice: max(of.values()) - of[path[choice]] for choice, of in total.items()}
    live = {choice: tuple(of) for choice, of in total.items()}
    subspaces = []
    for choice in sorted(spared, key=spared.__getitem__, reverse=True):
        most = total[choice][path[choice]]
        live[choice] = tuple(name for name in live[choice] if total[choice][name] <= most)
        subspaces.append(Subspace(live))
    return [*subspaces, path.as_subspace()]


def _added(
    places: Sequence[tuple[str, Prices]], savings: MemorySavings, extra: Mapping[str, Price]
) -> Mapping[str, Mapping[str, "_Added"]]:
    """Choice to candidate to what it adds, over all of its places."""
    added: defaultdict[str, defaultdict[str, _Added]] = defaultdict(lambda: defaultdict(_Added))
    for (choice, prices), [own] in zip(
        places, savings.of_candidates([1] * len(places)), strict=True
    ):
        for name, price in prices.items():
            added[choice][name] += _Added.of(price, own)
    kept_all = replace(savings, selective=0.0, recompute=float(savings.recompute == 1))
    for choice, by_name in added.items():
        for name in by_name:
            if f"{choice}/{name}" in extra:
                by_name[name] += _Added.of(extra[f"{choice}/{name}"], kept_all)
    return added


@dataclass(frozen=True)
class _Added:
    """What a candidate adds to a step, by how long it stays."""

    resident: float = 0.0
    gradients: float = 0.0
    saved: float = 0.0
    passing: float = 0.0

    @staticmethod
    def of(price: Price, savings: MemorySavings) -> "_Added":
        saved, passing = price.saved_by(savings), price.passing(savings)
        return _Added(price.resident, price.gradients, saved, passing)

    @property
    def total(self) -> float:
        return self.resident + self.gradients + self.saved + self.passing

    def __add__(self, other: "_Added") -> "_Added":
        return _Added(
            self.resident + other.resident,
            self.gradients + other.gradients,
            self.saved + other.saved,
            max(self.passing, other.passing),
        )
