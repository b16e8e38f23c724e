"""`Objectives`: soft targets on costs, as a reward and as a loss.

The reward is that of MnasNet (Tan et al. 2019, "MnasNet: Platform-Aware Neural Architecture Search
for Mobile", equation 2): accuracy * (cost / target) ** exponent, here with one exponent on both
sides of the target (the paper's soft form, -0.07: twice the cost has to bring 5% more accuracy).
The loss is the negative logarithm of the same, where cross-entropy stands for that of the accuracy:
what is added to it is -exponent * log(expected cost / target).

Shapes: C candidates of one choice.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import torch
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from torch import Tensor

from radars.cost.cost_kind import parse_cost
from radars.cost.cost_table import CostTable
from radars.cost.expected import expected_cost
from radars.registries import COSTS
from radars.space import ALWAYS, Conditions, Subspace

_LEAST = 1e-12  # of a cost: its logarithm is finite

CostName = Annotated[str, AfterValidator(COSTS.checked)]
"""A registered cost."""


class SoftTarget(BaseModel):
    """A soft target on one cost.

    Attributes:
        cost: the name of the cost.
        target: its desired value; for memory, bytes such as 1MiB.
        exponent: the exponent of cost / target in the reward; 0 or less. Closer to 0, the target
            counts less.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    cost: CostName
    target: float = Field(gt=0, allow_inf_nan=False)
    exponent: float = Field(-0.07, le=0, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        if (
            isinstance(value, Mapping)
            and isinstance(value.get("target"), str)
            and (value.get("cost") in COSTS)
        ):
            return {**value, "target": parse_cost(str(value.get("cost")), value["target"])}
        return value


class Objectives:
    """The soft targets of a search; without any, the reward is the accuracy and the loss is zero.

    Args:
        table: what each candidate costs.
        targets: the targets on its costs.
        conditions: which choices of the space are made.

    Raises:
        ConfigError: a cost is not in the table.
    """

    def __init__(
        self,
        table: CostTable,
        targets: Sequence[SoftTarget] = (),
        conditions: Conditions = ALWAYS,
    ) -> None:
        self._conditions = conditions
        self._parts = tuple((target, table.metric(target.cost)) for target in targets)

    def __bool__(self) -> bool:
        return bool(self._parts)

    def reward(self, architecture: Mapping[str, str], accuracy: float) -> float:
        """The accuracy, times (cost / target) ** exponent for each target."""
        for target, metric in self._parts:
            accuracy *= (max(metric.of(architecture), _LEAST) / target.target) ** target.exponent
        return accuracy

    def loss(self, probabilities: Mapping[str, Tensor], among: Subspace) -> Tensor:
        """What is added to a cross-entropy: a scalar, with a gradient to the probabilities.

        Args:
            probabilities: choice to the probabilities (C,) of its candidates.
            among: choice to these candidates.
        """
        total = torch.zeros(())
        for target, metric in self._parts:
            sums = [
                expected_cost(known, probabilities, among, self._conditions)
                for known in metric.sums
            ]
            expected = torch.stack(sums).amax().clamp(min=_LEAST)
            total = total - target.exponent * (expected.log() - math.log(target.target))
        return total
