"""`TrainState`: everything that changes in a training, to and from a checkpoint."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from radars.data import BatchStream
from radars.nn.optimizer import load_named_state, named_state
from radars.run import SkippedSteps


class Means(NamedTuple):
    """Over the examples of an epoch, as they were trained on: augmented, one step after the other.

    Attributes:
        loss: with label smoothing.
        accuracy: a fraction; of another task than classification, the mean score.
    """

    loss: float
    accuracy: float


@dataclass
class TrainState:
    """The state of a training at a step boundary.

    Attributes:
        network: with its weights, on the device.
        optimizer: of the weights.
        stream: training batches.
        skipped: the steps that were skipped.
        step: steps that are done.
        seconds: wall-clock time spent so far, over all sittings.
        totals: of the epoch: the sums of losses and of scores, and the number of examples;
            float64 (3,), on the device so that no step waits for it.
    """

    network: nn.Module
    optimizer: torch.optim.Optimizer
    stream: BatchStream
    skipped: SkippedSteps
    step: int = 0
    seconds: float = 0.0
    totals: Tensor = field(init=False)

    def __post_init__(self) -> None:
        device = next(self.network.parameters()).device
        self.totals = torch.zeros(3, dtype=torch.float64, device=device)

    def means(self) -> Means:
        """The means of the epoch so far; NaN before its first step. Waits for the device."""
        loss_sum, num_right, num_examples = self.totals.tolist()
        if not num_examples:
            return Means(math.nan, math.nan)
        return Means(loss_sum / num_examples, num_right / num_examples)

    def is_finite(self) -> bool:
        """Whether no weight, and no statistic, is infinite or NaN."""
        return all(bool(tensor.isfinite().all()) for tensor in self.network.state_dict().values())

    def tensors(self) -> dict[str, Tensor]:
        """The tensors of a checkpoint."""
        names = {parameter: name for name, parameter in self.network.named_parameters()}
        parts: dict[str, Mapping[str, Tensor]] = {
            "network": self.network.state_dict(),
            "optimizer": named_state(self.optimizer, names),
            "stream": self.stream.state(),
            "epoch": {"totals": self.totals},
        }
        return {f"{part}/{name}": value for part, of in parts.items() for name, value in of.items()}

    def values(self) -> dict[str, Any]:
        """The plain values of a checkpoint."""
        return {"step": self.step, "seconds": self.seconds, "skipped_steps": self.skipped.count}

    def load(self, tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> None:
        """Puts back what `tensors` and `values` returned, bit for bit."""
        parts: dict[str, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            part, _, rest = name.partition("/")
            parts.setdefault(part, {})[rest] = tensor
        self.network.load_state_dict(parts["network"])
        parameters = dict(self.network.named_parameters())
        load_named_state(self.optimizer, parameters, parts.get("optimizer", {}))
        self.stream.load_state(parts["stream"])
        self.totals.copy_(parts["epoch"]["totals"])
        self.step, self.seconds = values["step"], values["seconds"]
        self.skipped.count = values.get("skipped_steps", 0)
