"""`enas`: RL over shared weights. An LSTM samples single paths, which all share their weights.

Pham et al. 2018, "Efficient Neural Architecture Search via Parameter Sharing". Weights are trained
on paths that the policy samples; it is rewarded with their accuracy on validation batches. At the
end, of several samples the one is returned that is best with the shared weights (section 2.2).

Not the paper's: the weights are trained uniformly for the warm-up of `explore`, and weights and
policy take turns every few steps rather than every epoch.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

from radars.engine.methods.method import Found, Scored, scored_of, scored_values
from radars.engine.methods.shared_method import SharedMethod
from radars.engine.policies.lstm import LSTMController
from radars.engine.search_observer import Observer
from radars.engine.search_setup import SearchSetup
from radars.engine.search_state import named, of_part
from radars.engine.workbench import Workbench
from radars.nn.memory_saving.disk_offload import DiskOffload
from radars.seeds import stable_seed


class Enas(SharedMethod):
    """See the module."""

    def __init__(
        self, setup: SearchSetup, bench: Workbench, disk: DiskOffload | None = None
    ) -> None:
        super().__init__(setup, bench, disk)
        self.controller = LSTMController(
            setup.proxy.full,
            self.config.enas.controller,
            stable_seed(self.config.seed, "controller"),
        )
        self._finalists: list[Scored] = []

    def run(self, observer: Observer) -> Found:
        """See `Method`."""
        if observer.state.phase != "finalists":
            warmup_fraction = self.config.explore.warmup_fraction
            self.train_paths(observer, "explore", self.controller, warmup_fraction=warmup_fraction)
            observer.state.begin("finalists")
        with observer.phase("finalists", self.config.enas.finalists) as tick:
            while len(self._finalists) < self.config.enas.finalists:
                architecture = self.bench.draw(self.controller).architecture
                accuracy = self.shared_accuracy(architecture)
                self._finalists.append((architecture, accuracy))
                tick(len(self._finalists), accuracy)
        return self.best_so_far()

    def ranked(self) -> Iterator[Found]:
        """The finalists, best first, or what the policy prefers where there is none yet."""
        if not self._finalists:
            yield Found(self.controller.best(self.bench.feasible), None)
        yield from self.ranked_of(self._finalists)

    def tensors(self) -> dict[str, Tensor]:
        """See `Method`."""
        return super().tensors() | named("controller", self.controller.tensors())

    def values(self) -> dict[str, Any]:
        """See `Method`."""
        return {"finalists": scored_values(self._finalists)}

    def load(self, tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> None:
        """See `Method`."""
        super().load(tensors, values)
        self.controller.load_tensors(of_part("controller", tensors))
        self._finalists = scored_of(values["finalists"])

    def scalars(self) -> dict[str, float]:
        """See `Method`."""
        return {"entropy": self.controller.entropy()}
