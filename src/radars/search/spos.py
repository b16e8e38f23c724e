"""`spos`: single path one-shot. Uniform training of shared weights, then evolution over them.

Guo et al. 2020, "Single Path One-Shot Neural Architecture Search with Uniform Sampling": section
3.3 for the training, algorithm 1 for the evolution: of a generation half are crossovers and half
are mutations of the best so far. Paths are evaluated with the batch's own statistics, where the
paper recalibrates BatchNorm for each.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from radars.nn.shelf import Shelf
from radars.search.explore import explore
from radars.search.method import Found
from radars.search.observer import Observer
from radars.search.schedule import cosine
from radars.search.setup import SearchSetup
from radars.search.shared import SharedMethod
from radars.search.workbench import Workbench
from radars.seeds import stable_seed
from radars.space import Architecture


class Spos(SharedMethod):
    """See the module."""

    def __init__(self, setup: SearchSetup, bench: Workbench, shelf: Shelf | None = None) -> None:
        super().__init__(setup, bench, shelf)
        self._policy = setup.new_controller()  # learns nothing, and so draws uniformly
        self._generator = torch.Generator().manual_seed(stable_seed(self.config.seed, "evolve"))
        self._evaluated: list[tuple[Architecture, float]] = []

    def run(self, observer: Observer) -> Found:
        """See `Method`."""
        state, config = observer.state, self.config.explore
        if state.phase != "evolve":
            state.begin("train")
            with observer.phase("train", config.steps) as tick:
                explore(
                    self.bench,
                    self.supernet,
                    self._policy,
                    config,
                    start=state.step,
                    seed=stable_seed(self.config.seed, "train"),
                    num_uniform=config.steps,
                    learning_rate_at=lambda step: (
                        self.config.optimizer.learning_rate * cosine(step / config.steps)
                    ),
                    tick=tick,
                )
            state.begin("evolve")
        number = self.config.spos.population * self.config.spos.generations
        with observer.phase("evolve", number) as tick:
            while len(self._evaluated) < number:
                architecture = self._next()
                accuracy = self.shared_accuracy(architecture)
                self._evaluated.append((architecture, accuracy))
                tick(len(self._evaluated), accuracy)
        return self.best_so_far()

    def best_so_far(self) -> Found:
        """The best that was evaluated, or any architecture where none was yet."""
        if not self._evaluated:
            [first] = self.bench.feasible.best({}, self.setup.proxy.full, 1)
            return Found(first, None)
        return Found(*max(self._evaluated, key=lambda entry: entry[1]))

    def tensors(self) -> dict[str, Tensor]:
        """See `Method`."""
        return super().tensors() | {
            "policy": self._policy.tensors()["generator"],
            "generator": self._generator.get_state(),
        }

    def values(self) -> dict[str, Any]:
        """See `Method`."""
        return {"evaluated": [[dict(known), accuracy] for known, accuracy in self._evaluated]}

    def load(self, tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> None:
        """See `Method`."""
        super().load(tensors, values)
        policy = self._policy.tensors() | {"generator": tensors["policy"]}
        self._policy.load_tensors(policy, self.setup.proxy.full)
        self._generator.set_state(tensors["generator"])
        self._evaluated = [
            (Architecture(known), accuracy) for known, accuracy in values["evaluated"]
        ]

    def _next(self) -> Architecture:
        """A uniform draw in the first generation; then a crossover or a mutation, in turns."""
        population = self.config.spos.population
        if len(self._evaluated) < population:
            return self.bench.draw_uniform(self._generator)
        done = len(self._evaluated) // population * population  # generations that are complete
        best = sorted(self._evaluated[:done], key=lambda entry: entry[1], reverse=True)
        parents = [architecture for architecture, _ in best[: max(2, population // 5)]]
        first, second = (
            parents[int(torch.randint(len(parents), (), generator=self._generator))]
            for _ in range(2)
        )
        if len(self._evaluated) % 2:
            return self.bench.mutate(first, self._generator)
        return self.bench.cross(first, second, self._generator)
