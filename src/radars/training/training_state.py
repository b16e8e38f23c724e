"""`TrainState`: everything that changes in a training, to and from a checkpoint."""

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor, nn

from radars.data import BatchStream
from radars.nn.optimizer import load_named_state, named_state
from radars.runs.skipped import SkippedSteps
from radars.runs.state import State
from radars.training.weight_average import MovingAverage
from radars.training.weights_file import plain_state


class Means(NamedTuple):
    """Over the examples of an epoch, as they were trained on: augmented, one step after the other.

    Attributes:
        loss: the training loss, with label smoothing.
        accuracy: a fraction; of another task than classification, the mean score.
    """

    loss: float
    accuracy: float


class Best(NamedTuple):
    """The best epoch so far.

    Attributes:
        epoch: its number, from 1.
        accuracy: what it reached on the part that is held out.
        latest_accuracy: that of the latest epoch.
        weights: the weights of the network that counted then, on the CPU.
    """

    epoch: int
    accuracy: float
    latest_accuracy: float
    weights: dict[str, Tensor]


@dataclass
class TrainState:
    """The state of a training at a step boundary.

    Attributes:
        network: the network with its weights, on the device.
        optimizer: the optimizer of the weights.
        stream: training batches.
        skipped: the steps that were skipped.
        average: the average of the weights, where one is kept.
        best: the best of the epochs so far, where a part is held out to tell.
        step: steps that are done.
        seconds: wall-clock time spent so far, over all sittings.
        totals: the totals of the epoch: the sums of losses and of scores, and the number of
            examples; float64 (3,), on the device so that no step waits for it.
    """

    network: nn.Module
    optimizer: torch.optim.Optimizer
    stream: BatchStream
    skipped: SkippedSteps
    average: MovingAverage | None = None
    best: "Best | None" = None
    step: int = 0
    seconds: float = 0.0
    totals: Tensor = field(init=False)

    def __post_init__(self) -> None:
        device = next(self.network.parameters()).device
        self.totals = torch.zeros(3, dtype=torch.float64, device=device)

    @property
    def current(self) -> nn.Module:
        """The network that counts as of now: the average, where one is kept."""
        return self.network if self.average is None else self.average.network

    def note_epoch(self, epoch: int, accuracy: float) -> None:
        """Keeps the current network where it is better than those of the epochs before.

        Args:
            epoch: that has ended, from 1.
            accuracy: what it reached on the part that is held out.
        """
        best = self.best
        if best is None or accuracy > best.accuracy:
            best = Best(epoch, accuracy, accuracy, plain_state(self.current))
        self.best = best._replace(latest_accuracy=accuracy)

    def means(self) -> Means:
        """The means of the epoch so far; NaN before its first step. Waits for the device."""
        loss_sum, num_right, num_examples = self.totals.tolist()
        if not num_examples:
            return Means(math.nan, math.nan)
        return Means(loss_sum / num_examples, num_right / num_examples)

    def is_finite(self) -> bool:
        """Whether no weight, and no statistic, is infinite or NaN."""
        networks = (self.network, self.current)
        return all(
            bool(t.isfinite().all()) for each in networks for t in each.state_dict().values()
        )

    def state_dict(self) -> State:
        """What a checkpoint keeps.

        Raises:
            RunError: too many steps were skipped.
        """
        self.skipped.settle()
        names = {parameter: name for name, parameter in self.network.named_parameters()}
        return {
            "step": self.step,
            "seconds": self.seconds,
            "skipped_steps": self.skipped.count,
            "network": self.network.state_dict(),
            "optimizer": named_state(self.optimizer, names),
            "stream": self.stream.state_dict(),
            "totals": self.totals,
            "average": None if self.average is None else self.average.state_dict(),
            "best": None if self.best is None else self.best._asdict(),
        }

    def load_state_dict(self, state: State, /) -> None:
        """Puts back what `state_dict` returned, bit for bit."""
        self.network.load_state_dict(state["network"])
        load_named_state(self.optimizer, dict(self.network.named_parameters()), state["optimizer"])
        self.stream.load_state_dict(state["stream"])
        self.totals.copy_(state["totals"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        if state["best"] is not None:
            weights = {name: tensor.clone() for name, tensor in state["best"]["weights"].items()}
            self.best = Best(**{**state["best"], "weights": weights})
        self.step, self.seconds = state["step"], state["seconds"]
        self.skipped.count = state["skipped_steps"]
