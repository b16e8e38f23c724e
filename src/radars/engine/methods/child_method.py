"""`ChildMethod`: what the methods that train architectures from scratch share."""

import sys
from abc import abstractmethod
from collections.abc import Iterator

import torch

from radars.engine.context import SearchContext
from radars.engine.methods.children import Children
from radars.engine.methods.method import (
    Found,
    Method,
    Scored,
    Work,
    scored_of,
    scored_values,
)
from radars.engine.pace import Pace
from radars.engine.search_config import SearchConfig
from radars.engine.search_observer import SearchObserver
from radars.runs.event_schema import ChildEvent
from radars.runs.state import State
from radars.seeds import stable_seed
from radars.space import Architecture, Subspace

_MOST_AGAIN = 200  # children in a row that were trained before: it goes round in circles
_LEAST_ROOM = 0.7  # of the time of a child, or it would end too long after the time


class ChildMethod(Method):
    """Proposes architectures, trains each from scratch, and learns from what they reach.

    Attributes:
        history: every architecture that was trained, with its validation accuracy.
        proposed: those of the latest proposal; the first `num_before` of the history came
            before them.
    """

    def __init__(self, context: SearchContext) -> None:
        super().__init__(context)
        self.history: list[Scored] = []
        self.proposed: list[Architecture] = []
        self.num_before = 0
        self.children = Children(context)

    @classmethod
    def planned_work(cls, config: SearchConfig, full: Subspace) -> Work | None:
        """See `Method`; what is trained already or stopped early takes less."""
        number = min(config.children.number, full.num_architectures)
        return Work(number * config.children.steps)

    @property
    def number(self) -> int:
        """The most that are proposed in all: with a time limit, as many as there is time for."""
        return sys.maxsize if self.config.max_minutes else self.config.children.number

    @property
    def num_steps(self) -> int:
        """The most training steps of all, where time is not limited."""
        return self.config.children.number * self.config.children.steps

    @property
    def num_wanted(self) -> int:
        """How many to propose at a time, where nothing else says so."""
        return min(self.config.children.batch, self.number - len(self.history))

    @abstractmethod
    def propose(self) -> list[Architecture]:
        """The next architectures, within budget and constraints; none where it is done."""

    def learn(self, accuracies: list[float]) -> None:
        """Learns from the accuracies of what was proposed last."""

    def run(self, observer: SearchObserver) -> Found:
        """See `Method`."""
        observer.position.begin("children")
        with observer.phase("children", self.num_steps) as pace:
            while self._has_room(pace):
                if not self.proposed:
                    self.proposed, self.num_before = self.propose(), len(self.history)
                if not self.proposed:
                    break
                self._train_group(observer, pace)
                if len(self.history) - self.num_before < len(self.proposed):
                    continue
                self.learn([accuracy for _, accuracy in self.history[self.num_before :]])
                self.proposed = []
        return self.best_so_far()

    def ranked(self) -> Iterator[Found]:
        """The children, best first."""
        return self.ranked_of(self.history)

    def _has_room(self, pace: Pace) -> bool:
        """Whether another child is wanted, and there is time for it."""
        if len(self.history) >= self.number:
            return False
        if pace.ends_at is None or not self.history:
            return True
        pace.check_time()
        recent, before = self.history[-_MOST_AGAIN:], self.history[:-_MOST_AGAIN]
        if before and set(recent) <= set(before):
            return False
        # the next one takes as long as those before, on average
        return pace.seconds_left > pace.seconds_spent / len(self.history) * _LEAST_ROOM

    def _train_group(self, observer: SearchObserver, pace: Pace) -> None:
        """Trains what is left of the group of the proposal that is next."""
        num_done = len(self.history) - self.num_before
        first = num_done - num_done % self.config.children.batch
        group = self.proposed[num_done : first + self.config.children.batch]
        self.children.begin_group(self.num_before + first)
        accuracies = self.children.accuracies(group, pace, observer.check)
        for architecture, accuracy in zip(group, accuracies, strict=True):
            self.history.append((architecture, accuracy))
            observer.log(ChildEvent(architecture=dict(architecture), accuracy=accuracy))

    def state_dict(self) -> State:
        """See `Method`."""
        return {
            "history": scored_values(self.history),
            "proposed": [dict(architecture) for architecture in self.proposed],
            "num_before": self.num_before,
            "children": self.children.state_dict(),
        }

    def load_state_dict(self, state: State, /) -> None:
        """See `Method`."""
        self.history = scored_of(state["history"])
        self.proposed = [Architecture(known) for known in state["proposed"]]
        self.num_before = state["num_before"]
        self.children.load_state_dict(state["children"])


class DrawingMethod(ChildMethod):
    """One whose proposals are drawn at random, all or some of them.

    Attributes:
        generator: the generator of its draws; the same for all methods, so that they begin with the
            same draws.
    """

    def __init__(self, context: SearchContext) -> None:
        super().__init__(context)
        self.generator = torch.Generator().manual_seed(stable_seed(self.config.seed, "random"))

    def draw(self, number: int) -> list[Architecture]:
        """Uniform draws within budget and constraints."""
        return [self.context.sampler.draw_uniform(self.generator) for _ in range(number)]

    def state_dict(self) -> State:
        """See `Method`."""
        return super().state_dict() | {"generator": self.generator.get_state()}

    def load_state_dict(self, state: State, /) -> None:
        """See `Method`."""
        super().load_state_dict(state)
        self.generator.set_state(state["generator"])
