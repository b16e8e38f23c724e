"""`Corrections`: what measured steps have taught that no trace says."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass, field, replace
from typing import Any

from radars.memory.prices import Price
from radars.nn.memory_saving.savings import MemorySavings
from radars.space import Subspace


@dataclass
class Corrections:
    """How much more steps hold than a trace says of them.

    Attributes:
        extra: candidate, as `choice/name`, to what it holds beyond its trace: its kernels keep or
            make more than those of fake tensors. Nothing of those that were never in question.
        ratio: what a step held, as a multiple of what is known with all that; 1 or more.
    """

    extra: dict[str, Price] = field(default_factory=dict)
    ratio: float = 1.0

    def corrected(self, num_bytes: float, live: Subspace, savings: MemorySavings) -> int:
        """What a step with these candidates holds, of which a trace says `num_bytes`."""
        prices = [self.extra[name] for name in names_of(live) if name in self.extra]
        if prices:
            # whatever is cheap to compute again of what is kept, it may not be that
            savings = replace(savings, selective=0.0, recompute=float(savings.recompute == 1))
            num_bytes += sum(price.saved_by(savings) for price in prices)
            num_bytes += max(price.passing(savings) for price in prices)
        return math.ceil(num_bytes * self.ratio)

    @property
    def key(self) -> tuple[object, ...]:
        """Another one whenever something was learnt."""
        return self.ratio, *self.extra.items()

    def include(self, other: "Corrections") -> None:
        """Takes in what others have learned of the same space."""
        self.extra |= other.extra
        self.ratio = max(self.ratio, other.ratio)

    def copy(self) -> "Corrections":
        """Another that begins with the same, and learns alone."""
        return Corrections(dict(self.extra), self.ratio)

    def to_dict(self) -> dict[str, Any]:
        """What `from_dict` makes it from: of numbers, texts and the like."""
        extra = {name: list(astuple(price)) for name, price in self.extra.items()}
        return {"extra": extra, "ratio": self.ratio}

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> "Corrections":
        """That of which `to_dict` made the values."""
        extra = {name: Price(*numbers) for name, numbers in values["extra"].items()}
        return Corrections(extra, values["ratio"])


def names_of(live: Subspace) -> Iterator[str]:
    """Candidates as `choice/name`."""
    for choice, names in live.items():
        for name in names:
            yield f"{choice}/{name}"
