"""`spos`: single path one-shot. Uniform training of shared weights, then evolution over them.

Guo et al. 2020, "Single Path One-Shot Neural Architecture Search with Uniform Sampling": section
3.3 for the training, algorithm 1 for the evolution: of a generation half are crossovers and half
are mutations of the best so far. Paths are evaluated with the batch's own statistics, where the
paper recalibrates BatchNorm for each.
"""

from collections.abc import Iterator

import torch
from pydantic import Field

from radars.engine.context import SearchContext
from radars.engine.method_config import Checked, PolicyUpdatesConfig
from radars.engine.methods.method import Found, Scored, scored_of, scored_values
from radars.engine.methods.shared_method import SharedMethod
from radars.engine.methods.variation import cross, mutate
from radars.engine.policies.policy import Uniform
from radars.engine.search_observer import SearchObserver
from radars.runs.state import State
from radars.seeds import stable_seed
from radars.space import Architecture

_TRAINING_SHARE = 0.75  # of the time; the evolution has the rest
_UNIFORM = PolicyUpdatesConfig(warmup_fraction=1.0)


class SposConfig(Checked):
    """Settings of `spos`; `explore.steps` says how long the shared weights are trained.

    Attributes:
        population: architectures of a generation.
        generations: generations of the evolution, with the first, which is drawn at random.
    """

    population: int = Field(16, ge=2)
    generations: int = Field(4, ge=1)


class Spos(SharedMethod):
    """See the module."""

    settings_class = SposConfig

    def __init__(self, context: SearchContext) -> None:
        super().__init__(context)
        self.settings = self.config.settings_of(SposConfig)
        self._generator = torch.Generator().manual_seed(stable_seed(self.config.seed, "spos"))
        self._uniform = Uniform(context.problem.proxy.full, self._generator)
        self._evaluated: list[Scored] = []

    def run(self, observer: SearchObserver) -> Found:
        """See `Method`."""
        if observer.position.phase != "evolve":
            self.train_paths(observer, "train", self._uniform, _UNIFORM, share=_TRAINING_SHARE)
            observer.position.begin("evolve")
        number = self.settings.population * self.settings.generations
        with observer.phase("evolve", number) as pace:
            for _ in pace.steps():
                architecture = self._next()
                accuracy = self.shared_accuracy(architecture)
                self._evaluated.append((architecture, accuracy))
                pace.done(accuracy)
        return self.best_so_far()

    def ranked(self) -> Iterator[Found]:
        """What was evaluated, best first."""
        return self.ranked_of(self._evaluated)

    def state_dict(self) -> State:
        """See `Method`."""
        return super().state_dict() | {
            "generator": self._generator.get_state(),
            "evaluated": scored_values(self._evaluated),
        }

    def load_state_dict(self, state: State, /) -> None:
        """See `Method`."""
        super().load_state_dict(state)
        self._generator.set_state(state["generator"])
        self._evaluated = scored_of(state["evaluated"])

    def _next(self) -> Architecture:
        """A uniform draw in the first generation; then a crossover or a mutation, in turns."""
        population = self.settings.population
        if len(self._evaluated) < population:
            return self.context.sampler.draw_uniform(self._generator)
        done = len(self._evaluated) // population * population  # generations that are complete
        best = self.by_reward(self._evaluated[:done])
        parents = [architecture for architecture, _ in best[: max(2, population // 5)]]
        first, second = (
            parents[int(torch.randint(len(parents), (), generator=self._generator))]
            for _ in range(2)
        )
        if len(self._evaluated) % 2:
            return mutate(self.context, first, self._generator)
        return cross(self.context, first, second, self._generator)
