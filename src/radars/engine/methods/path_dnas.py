"""`PathDNAS`: what the methods share that differentiate sampled paths, not the whole supernet."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from functools import partial

import torch
from torch import Tensor

from radars.data import Batch
from radars.engine.methods.method import Found, Work, preferences_of
from radars.engine.methods.shared_method import TRAINING_SHARE, SharedMethod
from radars.engine.search_config import SearchConfig
from radars.engine.search_observer import SearchObserver
from radars.nn.supernet import Weigh
from radars.seeds import seed_torch, stable_seed
from radars.space import Architecture, Subspace
from radars.tracking.heat_map import Preferences

_MAX_DRAWS = 100  # until a path fits the budget


class PathDNAS(SharedMethod):
    """Trains weights on a sampled path, then logits on sampled paths, in turns.

    Paths satisfy the constraints and fit the budget. What is returned is the best architecture by
    logits.
    """

    needs_mixtures = True

    @classmethod
    def planned_work(cls, config: SearchConfig, full: Subspace) -> Work | None:
        """See `Method`; an architecture step takes about as long as one of the weights."""
        return Work(2 * config.dnas.steps)

    def run(self, observer: SearchObserver) -> Found:
        """See `Method`."""
        state, config = observer.position, self.config.dnas
        seed = stable_seed(self.config.seed, "differentiate")
        state.begin("differentiate")
        with observer.phase("differentiate", config.steps, share=TRAINING_SHARE) as pace:
            for step in pace.steps():
                seed_torch(seed, step)
                generator = torch.Generator().manual_seed(stable_seed(seed, "draw", step))
                self.supernet.set_learning_rate(self.decayed_rate(pace.fraction))
                path = self.draw(self.noise(generator), generator)
                batch = self.context.train_stream.next()
                self.context.trainer.train_path(self.supernet, path, batch)
                if pace.fraction >= config.warmup_fraction:
                    validation_batch = self.context.validation_stream.next()
                    self.train_logits(validation_batch, pace.fraction, generator)
                pace.done()
        best = self.best_so_far().architecture
        return Found(best, self.shared_accuracy(best))

    def check_memory(self) -> None:
        """See `Method`."""
        self.problem.planner.plan_whole(*self.smallest_step())

    @abstractmethod
    def smallest_step(self) -> tuple[Subspace, Weigh]:
        """What the cheapest architecture step holds live, and what weighs it."""

    @abstractmethod
    def train_logits(self, batch: Batch, fraction: float, generator: torch.Generator) -> None:
        """An architecture step.

        Args:
            batch: a batch of the validation part.
            fraction: the fraction of the steps that are done.
            generator: the generator of the paths.
        """

    def preferences(self, phase: str) -> Preferences:
        """See `Method`: the softmax of the logits."""
        full = self.problem.proxy.full
        return preferences_of(full, self.supernet.logits.preferences(full))

    def ranked(self) -> Iterator[Found]:
        """The best architectures by logits."""
        full = self.problem.proxy.full
        logits = {choice: self.supernet.logits.of(choice) for choice in full}
        return self.ranked_by_logits(logits)

    def noise(self, generator: torch.Generator) -> dict[str, Tensor]:
        """Gumbel noise on the host for every candidate: choice to (C,)."""
        return {
            choice: -torch.empty(len(names)).exponential_(generator=generator).log()
            for choice, names in self.problem.proxy.full.items()
        }

    def draw(self, noise: Mapping[str, Tensor], generator: torch.Generator) -> Architecture:
        """The path with the largest noisy logits: a draw from their softmax (Gumbel-max).

        Where that would break a constraint or the budget, the next best candidates are taken, or
        the noise is drawn again.
        """
        full = self.problem.proxy.full
        for _ in range(_MAX_DRAWS):
            scores = {
                choice: {
                    name: logit + float(bump)
                    for (name, logit), bump in zip(
                        self.supernet.logits.of(choice).items(), noise[choice], strict=True
                    )
                }
                for choice in full
            }
            path, _ = self.problem.feasible.sample(full, partial(_highest, scores), generator)
            if self.context.guard.fits(path):
                return path
            noise = self.noise(generator)
        return self.context.sampler.draw_uniform(generator)


def _highest(scores: Mapping[str, Mapping[str, float]], choice: str, names: tuple[str, ...]) -> str:
    """The candidate of a choice with the highest score, of some."""
    return max(names, key=scores[choice].__getitem__)
