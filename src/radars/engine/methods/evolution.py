"""`evolution`: regularized evolution; children are mutations of the best of a random few.

Real, Aggarwal, Huang, Le 2019, "Regularized Evolution for Image Classifier Architecture Search",
algorithm 1. The oldest of the population dies, not the worst.
"""

from collections.abc import Sequence

import torch
from pydantic import Field

from radars.engine.context import SearchContext
from radars.engine.method_config import Checked
from radars.engine.methods.child_method import DrawingMethod
from radars.engine.methods.method import Scored
from radars.engine.methods.variation import mutate
from radars.space import Architecture


class EvolutionConfig(Checked):
    """Settings of `evolution`.

    Attributes:
        population: how many of the youngest architectures stay in the population.
        tournament: how many of them compete to be the parent of the next architecture.
    """

    population: int = Field(8, ge=2)
    tournament: int = Field(3, ge=1)


class Evolution(DrawingMethod):
    """See the module. The population is the latest part of the history."""

    settings_class = EvolutionConfig

    def __init__(self, context: SearchContext) -> None:
        super().__init__(context)
        self.settings = self.config.settings_of(EvolutionConfig)

    def propose(self) -> list[Architecture]:
        """Mutations, once the population is full; until then, uniform draws."""
        if len(self.history) < self.settings.population:
            return self.draw(self.num_wanted)
        population = self.history[-self.settings.population :]
        return [self._mutation(population) for _ in range(self.num_wanted)]

    def _mutation(self, population: Sequence[Scored]) -> Architecture:
        number = self.settings.tournament
        order = torch.randperm(len(population), generator=self.generator)
        contest = [population[index] for index in order[:number].tolist()]
        parent, _ = max(contest, key=lambda entry: self.context.reward(*entry))
        return mutate(self.context, parent, self.generator)
