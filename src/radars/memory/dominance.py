"""A path that holds no less than any other: what fits it fits all, by one trace."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from radars.memory.prices import Price, Prices
from radars.nn.memory_saving.savings import MemorySavings
from radars.space import Architecture


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
) -> Dominating:
    """The path that holds no less than any other with some savings.

    Args:
        places: choice and prices of its candidates, in the order of the forward pass.
        savings: what trades time for memory.
        extra: candidate, as `choice/name`, to what it holds beyond its prices.
    """
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
