"""`Children`: architectures that are trained from scratch, and remembered."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import median
from typing import Any, NamedTuple

import torch
from torch import Tensor

from radars.data import BatchStream
from radars.engine.search_setup import SearchSetup
from radars.engine.search_state import named, of_part
from radars.engine.workbench import Workbench
from radars.engine.workers import Workers
from radars.nn.supernet import Supernet
from radars.schedules import one_cycle
from radars.seeds import stable_seed
from radars.space import Architecture

_MIN_BEFORE_STOPPING = 4

Tick = Callable[[float, int], None]
"""Called with the latest accuracy (NaN: none yet) and how many training steps were done."""


class ChildTask(NamedTuple):
    """A child to be trained elsewhere; `rivals` are what those before it had at the check."""

    architecture: Architecture
    rivals: tuple[float, ...]


class ChildOutcome(NamedTuple):
    """What became of it: also its reward at the check, if any, and the steps it took."""

    accuracy: float
    at_check: tuple[float, ...]
    num_steps: int


class Children:
    """Trains architectures from scratch, all on the same batches and for the same steps.

    What builds the same network as an earlier one is not trained again. What is hopeless is stopped
    early: part of the way it is worse than the median of those before its group at that point
    (Golovin et al. 2017, "Google Vizier", section 3.2), soft targets included, and its accuracy
    there counts. The children of a group do not know of each other, so that they can be trained at
    the same time.

    Args:
        setup: fresh weights, training batches, and how long each is trained (`config.children`).
        bench: data and memory.
    """

    def __init__(self, setup: SearchSetup, bench: Workbench) -> None:
        self._setup = setup
        self._bench = bench
        self._config = setup.config.children
        self._check_step = round(self._config.check_fraction * self._config.steps)
        self._known: dict[str, float] = {}  # fingerprint to accuracy
        self._at_check: list[float] = []  # the rewards of all that came to it
        self._group = -1
        self._num_rivals: int | None = None  # the first of those, from before the group; or all
        self._architecture: Architecture | None = None
        self._child: Supernet | None = None
        self._stream: BatchStream | None = None
        self._step = 0

    def begin_group(self, group: int) -> None:
        """Begins a group of children, where it has not begun yet."""
        if self._group != group:
            self._group, self._num_rivals = group, len(self._at_check)

    def accuracies(
        self, architectures: Sequence[Architecture], tick: Tick, workers: Workers | None = None
    ) -> Iterator[float]:
        """Yields the validation accuracy of each of a group, or of what is left of it.

        Args:
            architectures: within budget and constraints.
            tick: called after each training step; after each child where workers train them.
            workers: who trains them; None for this process, one after the other.
        """
        if workers is None:
            for architecture in architectures:
                yield self.accuracy(architecture, tick)
            return
        keys = [self._bench.fingerprint(architecture) for architecture in architectures]
        new: dict[str, Architecture] = {}
        for key, architecture in zip(keys, architectures, strict=True):
            if key not in self._known:
                new.setdefault(key, architecture)
        rivals = tuple(self._at_check[: self._num_rivals])
        outcomes = workers.map(train_child, [ChildTask(a, rivals) for a in new.values()])
        # of one that was begun here, before a resumption
        num_counted = 0 if self._architecture is None else self._step
        for key in keys:
            if key not in self._known:
                outcome = next(outcomes)
                if num_counted <= self._check_step:
                    self._at_check += outcome.at_check
                self._architecture = self._child = self._stream = None
                self._step = outcome.num_steps
                self._known[key] = outcome.accuracy
                tick(outcome.accuracy, outcome.num_steps - num_counted)
                num_counted = 0
            yield self._known[key]

    def accuracy(self, architecture: Architecture, tick: Tick) -> float:
        """Trains an architecture, or goes on with its training; returns its validation accuracy.

        Args:
            architecture: within budget and constraints.
            tick: called after each training step.
        """
        key = self._bench.fingerprint(architecture)
        if key in self._known:
            return self._known[key]
        if self._child is None or self._stream is None:
            self._begin(architecture)
        assert self._child is not None
        assert self._stream is not None
        accuracy = math.nan
        while self._step < self._config.steps:
            if self._step == self._check_step > 0:
                accuracy = self._evaluate(architecture)
                reward = self._bench.reward(architecture, accuracy)
                is_hopeless = self._is_hopeless(reward)
                self._at_check.append(reward)
                if is_hopeless:
                    break
            self._train(architecture)
            if self._step < self._config.steps:
                tick(accuracy, 1)
        else:
            accuracy = self._evaluate(architecture)
        self._known[key] = accuracy
        self._architecture = self._child = self._stream = None
        tick(accuracy, 1)
        return accuracy

    def tensors(self) -> dict[str, Tensor]:
        """The tensors of a checkpoint."""
        if self._child is None or self._stream is None:
            return {}
        return named("child", self._child.state_dict()) | named("stream", self._stream.state_dict())

    def values(self) -> dict[str, Any]:
        """The plain values of a checkpoint."""
        return {
            "known": dict(self._known),
            "at_check": list(self._at_check),
            "group": self._group,
            "num_rivals": self._num_rivals,
            "architecture": self._architecture and dict(self._architecture),
            "step": self._step,
        }

    def load(self, tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> None:
        """Puts back what `tensors` and `values` returned, bit for bit."""
        self._known = dict(values["known"])
        self._at_check = list(values["at_check"])
        self._group = values.get("group", -1)  # checkpoints before there were groups
        self._num_rivals = values.get("num_rivals")
        self._architecture = self._child = self._stream = None
        if values["architecture"]:
            self._begin(Architecture(values["architecture"]))
            assert self._child is not None
            assert self._stream is not None
            self._child.load_state_dict(of_part("child", tensors))
            self._stream.load_state_dict(of_part("stream", tensors))
        self._step = values["step"]

    def _begin(self, architecture: Architecture) -> None:
        self._architecture = architecture
        self._child = self._setup.new_child(architecture, optimizer=self._config.optimizer)
        self._stream = self._setup.new_child_stream()
        self._step = 0

    def _train(self, architecture: Architecture) -> None:
        assert self._child is not None
        assert self._stream is not None
        torch.manual_seed(stable_seed(self._setup.config.seed, "child", self._step))
        rate = self._config.optimizer.learning_rate * one_cycle(self._step / self._config.steps)
        self._child.set_learning_rate(rate)
        self._bench.train_path(self._child, architecture, self._stream.next())
        self._step += 1

    def _evaluate(self, architecture: Architecture) -> float:
        assert self._child is not None
        batch_size = self._setup.config.data.batch_size
        return self._bench.accuracy(self._child, architecture, batch_size, is_alone=True)

    def _is_hopeless(self, reward: float) -> bool:
        rivals = self._at_check[: self._num_rivals]
        return len(rivals) >= _MIN_BEFORE_STOPPING and reward < median(rivals)


def train_child(setup: SearchSetup, bench: Workbench, task: ChildTask) -> ChildOutcome:
    """Trains a child from scratch to its end; what a worker does."""
    num_steps = 0

    def tick(accuracy: float, steps: int) -> None:
        nonlocal num_steps
        num_steps += steps

    children = Children(setup, bench)
    children.load({}, _NOTHING_YET | {"at_check": task.rivals})
    accuracy = children.accuracy(task.architecture, tick)
    at_check = children.values()["at_check"][len(task.rivals) :]
    return ChildOutcome(accuracy, tuple(at_check), num_steps)


_NOTHING_YET: dict[str, Any] = {"known": {}, "architecture": None, "step": 0}
