"""`spos`: single path one-shot. Uniform training of shared weights, then evolution over them.

Guo et al. 2020, "Single Path One-Shot Neural Architecture Search with Uniform Sampling": section
3.3 for the training, algorithm 1 for the evolution: of a generation half are crossovers and half
are mutations of the best so far. Paths are evaluated with the batch's own statistics, where the
paper recalibrates BatchNorm for each.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from radars.engine.methods.method import Found, Scored, scored_of, scored_values
from radars.engine.methods.shared_method import SharedMethod
from radars.engine.methods.variation import cross, mutate
from radars.engine.policies.categorical import Uniform
from radars.engine.search_observer import Observer
from radars.engine.search_setup import SearchSetup
from radars.engine.workbench import Workbench
from radars.nn.memory_saving.disk_offload import DiskOffload
from radars.seeds import stable_seed
from radars.space import Architecture


class Spos(SharedMethod):
    """See the module."""

    def __init__(
        self, setup: SearchSetup, bench: Workbench, disk: DiskOffload | None = None
    ) -> None:
        super().__init__(setup, bench, disk)
        self._generator = torch.Generator().manual_seed(stable_seed(self.config.seed, "spos"))
        self._uniform = Uniform(setup.proxy.full, self._generator)
        self._evaluated: list[Scored] = []

    def run(self, observer: Observer) -> Found:
        """See `Method`."""
        if observer.state.phase != "evolve":
            self.train_paths(observer, "train", self._uniform, warmup_fraction=1.0)
            observer.state.begin("evolve")
        number = self.config.spos.population * self.config.spos.generations
        with observer.phase("evolve", number) as tick:
            while len(self._evaluated) < number:
                architecture = self._next()
                accuracy = self.shared_accuracy(architecture)
                self._evaluated.append((architecture, accuracy))
                tick(len(self._evaluated), accuracy)
        return self.best_so_far()

    def ranked(self) -> Iterator[Found]:
        """What was evaluated, best first."""
        return self.ranked_of(self._evaluated)

    def tensors(self) -> dict[str, Tensor]:
        """See `Method`."""
        return super().tensors() | {"generator": self._generator.get_state()}

    def values(self) -> dict[str, Any]:
        """See `Method`."""
        return {"evaluated": scored_values(self._evaluated)}

    def load(self, tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> None:
        """See `Method`."""
        super().load(tensors, values)
        self._generator.set_state(tensors["generator"])
        self._evaluated = scored_of(values["evaluated"])

    def _next(self) -> Architecture:
        """A uniform draw in the first generation; then a crossover or a mutation, in turns."""
        population = self.config.spos.population
        if len(self._evaluated) < population:
            return self.bench.draw_uniform(self._generator)
        done = len(self._evaluated) // population * population  # generations that are complete
        best = self.by_reward(self._evaluated[:done])
        parents = [architecture for architecture, _ in best[: max(2, population // 5)]]
        first, second = (
            parents[int(torch.randint(len(parents), (), generator=self._generator))]
            for _ in range(2)
        )
        if len(self._evaluated) % 2:
            return mutate(self.bench, first, self._generator)
        return cross(self.bench, first, second, self._generator)
