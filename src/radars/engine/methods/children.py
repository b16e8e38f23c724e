"""`Children`: architectures that are trained from scratch, and remembered."""

import math
from collections.abc import Callable, Iterator, Sequence
from statistics import median
from typing import NamedTuple

from radars.data import BatchStream
from radars.engine.context import SearchContext
from radars.engine.method_config import ChildrenConfig
from radars.engine.pace import Pace
from radars.engine.search_state import SearchPosition
from radars.nn.supernet import Supernet
from radars.runs.state import State
from radars.schedules import one_cycle
from radars.seeds import seed_torch
from radars.space import Architecture

_MIN_BEFORE_STOPPING = 4
_STEPS_TO_TIME = 5  # of the first child: then it is known how long a step takes
_LEAST_CHILDREN = 4  # for which there is time


class ChildTask(NamedTuple):
    """A child to be trained elsewhere; `rivals` are what those before it had at the check."""

    architecture: Architecture
    rivals: tuple[float, ...]
    config: ChildrenConfig


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
        context: fresh weights, training batches, memory.
        config: how each is trained; by default as the configuration's `children` says, and for
            fewer steps where there is no time for a few trainings.
    """

    def __init__(self, context: SearchContext, config: ChildrenConfig | None = None) -> None:
        self._context = context
        self._config = config or context.problem.config.children
        self._may_shorten = config is None
        self._num_steps = self._config.steps  # of each
        self._known: dict[str, float] = {}  # fingerprint to accuracy
        self._at_check: list[float] = []  # the rewards of all that came to it
        self._group = -1
        self._num_rivals: int | None = None  # the first of those, from before the group; or all
        self._architecture: Architecture | None = None
        self._child: Supernet | None = None
        self._stream: BatchStream | None = None
        self._step = 0

    @property
    def _check_step(self) -> int:
        return round(self._config.check_fraction * self._num_steps)

    def begin_group(self, group: int) -> None:
        """Begins a group of children, where it has not begun yet."""
        if self._group != group:
            self._group, self._num_rivals = group, len(self._at_check)

    def expect(self, rivals: Sequence[float]) -> None:
        """Makes it as if children before had these rewards at the check."""
        self._at_check = list(rivals)

    def rewards_since(self, rivals: Sequence[float]) -> tuple[float, ...]:
        """The rewards at the check that came after those of the rivals."""
        return tuple(self._at_check[len(rivals) :])

    def accuracies(
        self,
        architectures: Sequence[Architecture],
        pace: Pace,
        while_waiting: Callable[[], None] = lambda: None,
    ) -> Iterator[float]:
        """Yields the validation accuracy of each of a group, or of what is left of it.

        Args:
            architectures: within budget and constraints.
            pace: told of each training step; of each child where workers train them.
            while_waiting: called several times a second while workers train them; what it raises
                ends their work.
        """
        workers = self._context.workers
        if workers is None:
            for architecture in architectures:
                yield self.accuracy(architecture, pace)
            return
        keys = [self._context.sampler.fingerprint(architecture) for architecture in architectures]
        new: dict[str, Architecture] = {}
        for key, architecture in zip(keys, architectures, strict=True):
            if key not in self._known:
                new.setdefault(key, architecture)
        rivals = tuple(self._at_check[: self._num_rivals])
        tasks = [ChildTask(known, rivals, self._config) for known in new.values()]
        outcomes = workers.map(train_child, tasks, while_waiting)
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
                pace.done(outcome.accuracy, outcome.num_steps - num_counted)
                num_counted = 0
            yield self._known[key]

    def accuracy(self, architecture: Architecture, pace: Pace) -> float:
        """Trains an architecture, or goes on with its training; returns its validation accuracy.

        Args:
            architecture: within budget and constraints.
            pace: told of each training step.
        """
        key = self._context.sampler.fingerprint(architecture)
        if key in self._known:
            return self._known[key]
        if self._child is None or self._stream is None:
            self._begin(architecture)
        assert self._child is not None
        assert self._stream is not None
        accuracy = math.nan
        while self._step < self._num_steps:
            if self._may_shorten and not self._known and self._step == _STEPS_TO_TIME:
                self._shorten(pace)
            if self._step == self._check_step > 0:
                accuracy = self._evaluate(architecture)
                reward = self._context.reward(architecture, accuracy)
                is_hopeless = self._is_hopeless(reward)
                self._at_check.append(reward)
                if is_hopeless:
                    break
            self._train(architecture)
            if self._step < self._num_steps:
                pace.done(accuracy)
        else:
            accuracy = self._evaluate(architecture)
        self._known[key] = accuracy
        self._architecture = self._child = self._stream = None
        pace.done(accuracy)
        return accuracy

    def state_dict(self) -> State:
        """What a checkpoint keeps."""
        state: State = {
            "known": list(self._known.items()),
            "at_check": list(self._at_check),
            "group": self._group,
            "num_rivals": self._num_rivals,
            "architecture": self._architecture and dict(self._architecture),
            "step": self._step,
            "num_steps": self._num_steps,
        }
        if self._child is not None and self._stream is not None:
            state["child"] = self._child.state_dict()
            state["stream"] = self._stream.state_dict()
        return state

    def load_state_dict(self, state: State, /) -> None:
        """Puts back what `state_dict` returned, bit for bit."""
        self._known = dict(state["known"])
        self._at_check = list(state["at_check"])
        self._group, self._num_rivals = state["group"], state["num_rivals"]
        self._architecture = self._child = self._stream = None
        if state["architecture"]:
            self._begin(Architecture(state["architecture"]))
            assert self._child is not None
            assert self._stream is not None
            self._child.load_state_dict(state["child"])
            self._stream.load_state_dict(state["stream"])
        self._step, self._num_steps = state["step"], state["num_steps"]

    def _shorten(self, pace: Pace) -> None:
        """Where time is limited: makes trainings so short that there is time for a few."""
        if pace.ends_at is not None:
            affordable = pace.seconds_left / pace.seconds_per_step / _LEAST_CHILDREN
            self._num_steps = min(self._num_steps, max(2 * _STEPS_TO_TIME, int(affordable)))

    def _begin(self, architecture: Architecture) -> None:
        self._architecture = architecture
        self._child = self._context.networks.new_child(
            architecture, optimizer=self._config.optimizer
        )
        self._stream = self._context.networks.new_child_stream()
        self._step = 0

    def _train(self, architecture: Architecture) -> None:
        assert self._child is not None
        assert self._stream is not None
        seed_torch(self._context.problem.config.seed, "child", self._step)
        rate = self._config.optimizer.learning_rate * one_cycle(self._step / self._num_steps)
        self._child.set_learning_rate(rate)
        self._context.trainer.train_path(self._child, architecture, self._stream.next())
        self._step += 1

    def _evaluate(self, architecture: Architecture) -> float:
        assert self._child is not None
        batch_size = self._context.problem.config.data.batch_size
        return self._context.evaluator.accuracy(
            self._child, architecture, batch_size, is_alone=True
        )

    def _is_hopeless(self, reward: float) -> bool:
        rivals = self._at_check[: self._num_rivals]
        return len(rivals) >= _MIN_BEFORE_STOPPING and reward < median(rivals)


def train_child(context: SearchContext, task: ChildTask) -> ChildOutcome:
    """Trains a child from scratch to its end; what a worker does."""
    pace = Pace(SearchPosition(), task.config.steps)
    children = Children(context, task.config)
    children.expect(task.rivals)
    accuracy = children.accuracy(task.architecture, pace)
    return ChildOutcome(accuracy, children.rewards_since(task.rivals), pace.position.step)
