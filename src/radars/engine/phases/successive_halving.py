"""Select, by successive halving: finalists are trained alone, and the worst are dropped.

Jamieson and Talwalkar 2016, "Non-stochastic Best Arm Identification and Hyperparameter
Optimization".
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import fmean
from typing import NamedTuple

import torch
from safetensors.torch import load, save

from radars.data import BatchStream
from radars.engine.context import SearchContext
from radars.engine.method_config import SelectConfig
from radars.engine.pace import Pace
from radars.engine.phases.tuning_step import tuning_step
from radars.nn.supernet import Supernet
from radars.runs.state import State
from radars.space import Architecture

NewChild = Callable[[Architecture], Supernet]
"""Makes the weights that an architecture is trained from."""


@dataclass
class SuccessiveHalving:
    """How far selecting is.

    Attributes:
        finalists: the architectures of the current halving round, the most promising first.
        num_planned: how many the first halving round is to have.
        halving_round: index of the current one.
        num_steps: training steps of each finalist in it.
        accuracies: the accuracies of the finalists that were trained in this halving round, in
            order.
        gains: what each finalist is expected to gain on the others when it is trained to the end,
            as far as that is known.
        seconds: how long each of those that have accuracies was trained here.
        step_seconds: what a step of the finalists took in the halving round before; 0 where that
            is not known.
        child: the weights of the one that is being trained.
        child_stream: its batches.
        child_step: its training steps done.
        child_began: the second of the phase at which its training began.
    """

    finalists: list[Architecture]
    num_steps: int
    num_planned: int
    halving_round: int = 0
    accuracies: list[float] = field(default_factory=list)
    gains: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    step_seconds: float = 0.0
    child: Supernet | None = None
    child_stream: BatchStream | None = None
    child_step: int = 0
    child_began: float = 0.0

    def state_dict(self) -> State:
        """What a checkpoint keeps."""
        state: State = {
            "finalists": [dict(architecture) for architecture in self.finalists],
            "num_steps": self.num_steps,
            "num_planned": self.num_planned,
            "halving_round": self.halving_round,
            "accuracies": self.accuracies,
            "gains": self.gains,
            "seconds": self.seconds,
            "step_seconds": self.step_seconds,
            "child_step": self.child_step,
            "child_began": self.child_began,
        }
        if self.child is not None and self.child_stream is not None:
            state["child"] = self.child.state_dict()
            state["child_stream"] = self.child_stream.state_dict()
        return state

    @classmethod
    def of_state(cls, state: State, context: SearchContext) -> "SuccessiveHalving":
        """The one whose `state_dict` this is."""
        halving = cls(
            finalists=[Architecture(known) for known in state["finalists"]],
            num_steps=state["num_steps"],
            num_planned=state["num_planned"],
            halving_round=state["halving_round"],
            accuracies=list(state["accuracies"]),
            gains=list(state["gains"]),
            seconds=list(state["seconds"]),
            step_seconds=state["step_seconds"],
            child_step=state["child_step"],
            child_began=state["child_began"],
        )
        if "child" in state:
            networks = context.networks
            halving.child = networks.new_child(halving.finalists[len(halving.accuracies)])
            halving.child.load_state_dict(state["child"])
            halving.child_stream = networks.new_child_stream()
            halving.child_stream.load_state_dict(state["child_stream"])
        return halving

    def begin_child(self, context: SearchContext, new_child: NewChild, pace: Pace) -> Supernet:
        """The weights of the finalist that is next, or that was being trained."""
        if self.child is None:
            self.child = new_child(self.finalists[len(self.accuracies)])
            self.child_stream = context.networks.new_child_stream()
            self.child_step, self.child_began = 0, pace.seconds_spent
        return self.child

    def end_child(self, accuracy: float, pace: Pace) -> None:
        """Notes the accuracy of the finalist that was trained, and how long that took."""
        self.accuracies.append(accuracy)
        self.seconds.append(pace.seconds_spent - self.child_began)
        self.child = self.child_stream = None

    def leave_out_rest(self) -> None:
        """Ends the halving round with those that have accuracies: the rest promises less."""
        self.finalists = self.finalists[: len(self.accuracies)]

    def rank(self, context: SearchContext) -> list[int]:
        """The indices of the finalists that were trained, the most promising first.

        By their rewards, and what they are expected to gain later.
        """
        promises = [
            context.reward(architecture, accuracy) + gain
            for architecture, accuracy, gain in zip(
                self.finalists,
                self.accuracies,
                self.gains or [0.0] * len(self.finalists),
                strict=False,
            )
        ]
        return sorted(range(len(promises)), key=promises.__getitem__, reverse=True)

    def keep(self, indices: list[int]) -> None:
        """Begins the next halving round with these finalists."""
        self.finalists = [self.finalists[index] for index in indices]
        if len(self.seconds) == len(self.accuracies):  # the promising are often the larger ones
            self.step_seconds = fmean(self.seconds[index] for index in indices) / self.num_steps
        self.accuracies, self.gains, self.seconds = [], [], []
        self.halving_round += 1


def select(
    context: SearchContext,
    halving: SuccessiveHalving,
    pace: Pace,
    *,
    new_child: NewChild,
    more: Callable[[SuccessiveHalving], list[Architecture]],
    gains: Callable[[SuccessiveHalving], list[float]],
    on_halving_round: Callable[[SuccessiveHalving], None],
) -> tuple[Architecture, float]:
    """Runs the halving rounds that are left; returns the winner and its accuracy in the last one.

    Args:
        context: data, memory, and the settings (`config.select`).
        halving: how far it is; changed as it goes.
        pace: told of each training step; of each finalist where workers train them. Where time is
            limited it says how long a halving round may take.
        new_child: the shared weights of an architecture, to be trained on.
        more: finalists that join the first halving round, when those before them have their
            accuracies; none where it has all.
        gains: what finalists are expected to gain later, when all of a halving round are trained.
        on_halving_round: called when all finalists of a halving round have their accuracies.
    """
    config = context.problem.config.select
    while True:
        if halving.child is None and not halving.accuracies:
            halving.num_steps = _num_steps(config, halving, pace)
        if context.workers is not None:
            _train_elsewhere(context, halving, new_child, pace)
        else:
            _train_here(context, halving, new_child, pace)
        if halving.halving_round == 0 and (others := more(halving)):
            halving.finalists += others
            continue
        halving.gains = gains(halving)
        ranked = halving.rank(context)
        on_halving_round(halving)
        if halving.halving_round + 1 == len(config.halving_steps):
            return halving.finalists[ranked[0]], halving.accuracies[ranked[0]]
        halving.keep(ranked[: num_kept(len(ranked), config.keep)])


def _num_steps(config: SelectConfig, halving: SuccessiveHalving, pace: Pace) -> int:
    """Training steps of each finalist in the halving round that begins.

    Where time is limited, those of the settings in the proportion of the time that is left to the
    time that they and those of later halving rounds would take, at the pace of these finalists.
    """
    usual = config.halving_steps[halving.halving_round]
    usual = min(usual, config.max_steps or usual)
    step_seconds = pace.seconds_per_step if pace.position.step else pace.step_seconds
    step_seconds = halving.step_seconds or step_seconds
    if pace.ends_at is None or not step_seconds:
        return usual
    number, total = len(halving.finalists) if halving.halving_round else halving.num_planned, 0
    for steps in config.halving_steps[halving.halving_round :]:
        total += number * steps
        number = num_kept(number, config.keep)
    steps = max(1, round(usual * max(0.0, pace.seconds_left) / (total * step_seconds)))
    return min(steps, config.max_steps or steps)


def _train_here(
    context: SearchContext, halving: SuccessiveHalving, new_child: NewChild, pace: Pace
) -> None:
    """Trains what is left of a halving round, one finalist after the other.

    Where a later halving round takes longer than planned, it ends with those it has.
    """
    latest = halving.accuracies[-1] if halving.accuracies else float("nan")
    while len(halving.accuracies) < len(halving.finalists):
        if _is_late(halving, pace):
            halving.leave_out_rest()
            return
        architecture = halving.finalists[len(halving.accuracies)]
        child = halving.begin_child(context, new_child, pace)
        assert halving.child_stream is not None
        while halving.child_step < halving.num_steps:
            batch = halving.child_stream.next()
            tuning_step(context, child, architecture, batch, halving.child_step, halving.num_steps)
            halving.child_step += 1
            pace.done(latest)
        latest = _accuracy(context, child, architecture)
        halving.end_child(latest, pace)


def _is_late(halving: SuccessiveHalving, pace: Pace) -> bool:
    """Whether there is no time for one more finalist of a later halving round."""
    is_possible = halving.halving_round > 0 and halving.child is None and bool(halving.seconds)
    return is_possible and not pace.has_time_for(fmean(halving.seconds))


def _train_elsewhere(
    context: SearchContext, halving: SuccessiveHalving, new_child: NewChild, pace: Pace
) -> None:
    """Has what is left of a halving round trained by workers."""
    assert context.workers is not None
    left = halving.finalists[len(halving.accuracies) :]
    num_counted = 0 if halving.child is None else halving.child_step  # begun here, before
    halving.child = halving.child_stream = None
    tasks = [Finalist.of(known, new_child(known), halving.num_steps) for known in left]
    for accuracy in context.workers.map(train_finalist, tasks, pace.check):
        halving.accuracies.append(accuracy)
        pace.done(accuracy, halving.num_steps - num_counted)
        num_counted = 0


class Finalist(NamedTuple):
    """A finalist to be trained elsewhere, for a halving round.

    Attributes:
        architecture: the architecture of the finalist.
        state: the shared weights, as safetensors: one that waits holds nothing of the device.
        num_steps: the training steps of the halving round.
    """

    architecture: Architecture
    state: bytes
    num_steps: int

    @classmethod
    def of(cls, architecture: Architecture, child: Supernet, num_steps: int) -> "Finalist":
        """A finalist whose weights are those of `child`."""
        # a copy each: safetensors takes neither strides nor memory that two share
        copies = {
            name: tensor.to("cpu", copy=True, memory_format=torch.contiguous_format)
            for name, tensor in child.state_dict().items()
        }
        return cls(architecture, save(copies), num_steps)


def train_finalist(context: SearchContext, task: Finalist) -> float:
    """Trains a finalist for a halving round; returns its accuracy. What a worker does."""
    child = context.networks.new_child(task.architecture)
    child.load_state_dict(load(task.state))
    stream = context.networks.new_child_stream()
    for step in range(task.num_steps):
        tuning_step(context, child, task.architecture, stream.next(), step, task.num_steps)
    return _accuracy(context, child, task.architecture)


def _accuracy(context: SearchContext, child: Supernet, architecture: Architecture) -> float:
    batch_size = context.problem.config.data.batch_size
    return context.evaluator.accuracy(child, architecture, batch_size, is_alone=True)


def num_kept(num_finalists: int, keep: float) -> int:
    """How many finalists go on to the next halving round: at least one."""
    return max(1, round(num_finalists * keep))


def num_select_steps(config: SelectConfig, num_finalists: int) -> int:
    """All training steps of a full selection."""
    total = 0
    for steps in config.halving_steps:
        total += num_finalists * steps
        num_finalists = num_kept(num_finalists, config.keep)
    return total
