"""`hill-climbing`: the best architecture so far is changed in one choice at a time.

White, Nolen, Savani 2021, "Exploring the Loss Landscape in Neural Architecture Search": local
search is a strong baseline. Every proposal is trained from scratch, as `children` says.
"""

import torch
from pydantic import Field

from radars.engine.context import SearchContext
from radars.engine.method_config import Checked
from radars.engine.methods.child_method import ChildMethod
from radars.engine.methods.variation import mutate
from radars.runs.state import State
from radars.seeds import stable_seed
from radars.space import Architecture


class HillClimbingConfig(Checked):
    """The settings of `hill-climbing`.

    Attributes:
        starts: architectures that are drawn uniformly at first.
    """

    starts: int = Field(4, ge=1)


class HillClimbing(ChildMethod):
    """See the module."""

    settings_class = HillClimbingConfig

    def __init__(self, context: SearchContext) -> None:
        super().__init__(context)
        self.settings = self.config.settings_of(HillClimbingConfig)
        self.generator = torch.Generator().manual_seed(stable_seed(self.config.seed, "climb"))

    def propose(self) -> list[Architecture]:
        """Uniform draws at first; then neighbours of the best."""
        if len(self.history) < self.settings.starts:
            return [self.context.sampler.draw_uniform(self.generator)]
        best, _ = self.by_reward(self.history)[0]
        return [mutate(self.context, best, self.generator) for _ in range(self.num_wanted)]

    def state_dict(self) -> State:
        """See `Method`."""
        return super().state_dict() | {"generator": self.generator.get_state()}

    def load_state_dict(self, state: State, /) -> None:
        """See `Method`."""
        super().load_state_dict(state)
        self.generator.set_state(state["generator"])
