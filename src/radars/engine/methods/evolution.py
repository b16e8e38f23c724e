"""`evolution`: regularized evolution; children are mutations of the best of a random few.

Real, Aggarwal, Huang, Le 2019, "Regularized Evolution for Image Classifier Architecture Search",
algorithm 1. The oldest of the population dies, not the worst.
"""

from collections.abc import Sequence

import torch

from radars.engine.methods.method import Scored
from radars.engine.methods.random_search import RandomSearch
from radars.engine.methods.variation import mutate
from radars.space import Architecture


class Evolution(RandomSearch):
    """See the module. The population is the latest part of the history."""

    def propose(self) -> list[Architecture]:
        """Mutations, once the population is full; until then, uniform draws."""
        settings = self.config.evolution
        if len(self.history) < settings.population:
            return super().propose()
        population = self.history[-settings.population :]
        return [self._mutation(population) for _ in range(self.num_wanted)]

    def _mutation(self, population: Sequence[Scored]) -> Architecture:
        number = self.config.evolution.tournament
        order = torch.randperm(len(population), generator=self.generator)
        contest = [population[index] for index in order[:number].tolist()]
        parent, _ = max(contest, key=lambda entry: self.bench.reward(*entry))
        return mutate(self.bench, parent, self.generator)
