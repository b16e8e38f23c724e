"""`Standards`: how architectures stand, by what several judges say of each.

What a judge says is counted in its standard deviations among uniform draws of the search space. So
each judge counts as much among a few architectures that are nearly alike as among all, and what
hardly sets them apart decides nothing.
"""

from collections.abc import Sequence
from statistics import fmean, pstdev
from typing import NamedTuple

from radars.engine.method_config import SelectConfig
from radars.engine.rankers.untrained import Untrained


class Standard(NamedTuple):
    """What a judge says of uniform draws.

    Attributes:
        mean: of what it says.
        deviation: its standard deviation.
    """

    mean: float
    deviation: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Standard":
        """That of what was said of the draws."""
        return cls(fmean(values), pstdev(values))

    def score(self, value: float) -> float:
        """The standard score; 0 where the judge says the same of all draws."""
        return (value - self.mean) / self.deviation if self.deviation else 0.0


class Standards(NamedTuple):
    """What each judge says of uniform draws.

    Attributes:
        accuracy: what a search maximises, with shared weights.
        regions: see `Untrained`, as for the rest.
        size: of the network.
        expressivity: of fresh weights.
    """

    accuracy: Standard
    regions: Standard
    size: Standard
    expressivity: Standard

    @classmethod
    def of(cls, accuracies: Sequence[float], untrained: Sequence[Untrained]) -> "Standards":
        """The standards, from what was said of the draws."""
        return cls(*map(Standard.of, [accuracies, *zip(*untrained, strict=True)]))

    def standings(
        self,
        accuracies: Sequence[float],
        untrained: Sequence[Untrained],
        config: SelectConfig,
        accuracy_weight: float = 1.0,
    ) -> list[float]:
        """How architectures stand: the weighted sums of their standard scores.

        Args:
            accuracies: of each, with whatever weights.
            untrained: what can be said of each before it is trained.
            config: the weights of the judges of untrained networks.
            accuracy_weight: that of the accuracy.
        """
        weights = (
            accuracy_weight,
            config.regions_weight,
            config.size_weight,
            config.expressivity_weight,
        )
        return [
            sum(
                weight * standard.score(value)
                for weight, standard, value in zip(weights, self, (accuracy, *known), strict=True)
            )
            for accuracy, known in zip(accuracies, untrained, strict=True)
        ]
