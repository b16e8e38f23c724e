"""`evolution`: regularized evolution; children are mutations of the best of a random few.

Real, Aggarwal, Huang, Le 2019, "Regularized Evolution for Image Classifier Architecture Search",
algorithm 1. The oldest of the population dies, not the worst.
"""

import torch

from radars.search.random_search import RandomSearch
from radars.space import Architecture


class Evolution(RandomSearch):
    """See the module. The population is the latest part of the history."""

    def propose(self) -> list[Architecture]:
        """A mutation, once the population is full; until then, uniform draws."""
        settings = self.config.evolution
        if len(self.history) < settings.population:
            return super().propose()
        population = self.history[-settings.population :]
        order = torch.randperm(len(population), generator=self.generator)
        contest = [population[index] for index in order[: settings.tournament].tolist()]
        parent, _ = max(contest, key=lambda entry: self.bench.reward(*entry))
        return [self.bench.mutate(parent, self.generator)]
