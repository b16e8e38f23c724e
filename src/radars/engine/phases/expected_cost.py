"""`ExpectedCost`: soft targets in the loss of an architecture step."""

from dataclasses import dataclass

from torch import Tensor

from radars.cost import Objectives
from radars.nn.steps import Regulariser
from radars.nn.supernet import Supernet
from radars.space import Subspace


@dataclass(frozen=True)
class ExpectedCost:
    """The loss of soft targets, at the costs that are expected of what the logits stand for.

    Attributes:
        objectives: the soft targets.
        among: the candidates that have a probability; None for those that are live.
    """

    objectives: Objectives
    among: Subspace | None = None

    def __call__(self, supernet: Supernet) -> Tensor:
        """A scalar, with a gradient to the logits of the candidates."""
        among = self.among or supernet.live
        return self.objectives.loss(supernet.probabilities(among), among)


@dataclass(frozen=True)
class Both:
    """Two regularisers together."""

    first: Regulariser
    second: Regulariser

    def __call__(self, supernet: Supernet) -> Tensor:
        """The sum of what they return: a scalar."""
        return self.first(supernet) + self.second(supernet)
