"""`ChildMethod`: what the methods that train architectures from scratch share."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

from radars.nn.shelf import Shelf
from radars.search.children import Children
from radars.search.method import Found, Method, Scored, scored_of, scored_values
from radars.search.observer import Observer
from radars.search.setup import SearchSetup
from radars.search.state import named, of_part
from radars.search.workbench import Workbench
from radars.space import Architecture


class ChildMethod(Method):
    """Proposes architectures, trains each from scratch, and learns from what they reach.

    Attributes:
        history: every architecture that was trained, with its validation accuracy.
        proposed: those of the latest proposal; the first `num_proposed_before` of the history came
            before them.
    """

    def __init__(self, setup: SearchSetup, bench: Workbench, shelf: Shelf | None = None) -> None:
        super().__init__(setup, bench, shelf)
        self.history: list[Scored] = []
        self.proposed: list[Architecture] = []
        self.num_before = 0
        self.children = Children(setup, bench)

    @abstractmethod
    def propose(self) -> list[Architecture]:
        """The next architectures, within budget and constraints."""

    def learn(self, accuracies: list[float]) -> None:
        """Learns from the accuracies of what was proposed last."""

    def run(self, observer: Observer) -> Found:
        """See `Method`."""
        config = self.config.children
        observer.state.begin("children")

        def on_step(accuracy: float) -> None:
            tick(observer.state.step + 1, accuracy)

        with observer.phase("children", config.number * config.steps) as tick:
            while len(self.history) < config.number:
                if not self.proposed:
                    self.proposed, self.num_before = self.propose(), len(self.history)
                for architecture in self.proposed[len(self.history) - self.num_before :]:
                    accuracy = self.children.accuracy(architecture, on_step)
                    self.history.append((architecture, accuracy))
                    observer.log("child", architecture=dict(architecture), accuracy=accuracy)
                self.learn([accuracy for _, accuracy in self.history[self.num_before :]])
                self.proposed = []
        return self.best_so_far()

    def ranked(self) -> Iterator[Found]:
        """The children, best first."""
        return self.ranked_of(self.history)

    def tensors(self) -> dict[str, Tensor]:
        """See `Method`."""
        return named("children", self.children.tensors())

    def values(self) -> dict[str, Any]:
        """See `Method`."""
        return {
            "history": scored_values(self.history),
            "proposed": [dict(architecture) for architecture in self.proposed],
            "num_before": self.num_before,
            "children": self.children.values(),
        }

    def load(self, tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> None:
        """See `Method`."""
        self.history = scored_of(values["history"])
        self.proposed = [Architecture(known) for known in values["proposed"]]
        self.num_before = values["num_before"]
        self.children.load(of_part("children", tensors), values["children"])
