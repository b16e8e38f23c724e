"""`ScoreScales`: how architectures rank, by what several rankers say of each.

What a ranker says is counted in its standard deviations among uniform draws of the search space.
So each ranker counts as much among a few architectures that are nearly alike as among all, and what
hardly sets them apart decides nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, pstdev

from radars.runs.state import State

ACCURACY = "accuracy"


@dataclass(frozen=True)
class ScoreScale:
    """What a ranker says of uniform draws.

    Attributes:
        mean: of what it says.
        deviation: its standard deviation.
    """

    mean: float
    deviation: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "ScoreScale":
        """That of what was said of the draws."""
        return cls(fmean(values), pstdev(values))

    def score(self, value: float) -> float:
        """The standard score; 0 where the ranker says the same of all draws."""
        return (value - self.mean) / self.deviation if self.deviation else 0.0


@dataclass(frozen=True)
class ScoreScales:
    """What each ranker says of uniform draws.

    Attributes:
        of_rankers: the accuracy with shared weights, or what else a search maximises, first; then
            each ranker of untrained networks.
    """

    of_rankers: Mapping[str, ScoreScale]

    @classmethod
    def of(cls, accuracies: Sequence[float], said: Sequence[Mapping[str, float]]) -> "ScoreScales":
        """The scales, from what was said of the draws."""
        names = said[0]
        rankers = {name: ScoreScale.of([known[name] for known in said]) for name in names}
        return cls({ACCURACY: ScoreScale.of(accuracies), **rankers})

    def combined(
        self,
        accuracies: Sequence[float],
        said: Sequence[Mapping[str, float]],
        weights: Mapping[str, float],
        accuracy_weight: float = 1.0,
    ) -> list[float]:
        """The weighted sums of the standard scores of architectures; larger is better.

        Args:
            accuracies: of each, with whatever weights.
            said: what the rankers say of each before it is trained.
            weights: of the rankers of untrained networks.
            accuracy_weight: that of the accuracy.
        """
        weights = {ACCURACY: accuracy_weight, **weights}
        return [
            sum(
                weights[name] * standard.score(accuracy if name == ACCURACY else known[name])
                for name, standard in self.of_rankers.items()
            )
            for accuracy, known in zip(accuracies, said, strict=True)
        ]

    def state_dict(self) -> State:
        """The numbers by ranker."""
        return {name: [known.mean, known.deviation] for name, known in self.of_rankers.items()}

    @classmethod
    def of_state(cls, state: State) -> "ScoreScales":
        """The scales whose `state_dict` this is."""
        return cls({name: ScoreScale(*known) for name, known in state.items()})
