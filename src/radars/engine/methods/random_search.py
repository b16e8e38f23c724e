"""`random`: architectures drawn uniformly, each trained from scratch; the best is returned.

The baseline of architecture search (Li and Talwalkar 2019, "Random Search and Reproducibility for
Neural Architecture Search").
"""

import torch

from radars.engine.context import SearchContext
from radars.engine.methods.child_method import ChildMethod
from radars.engine.policies.policy import Policy, Uniform
from radars.engine.search_config import SearchConfig
from radars.runs.state import State
from radars.seeds import stable_seed
from radars.space import Architecture, Subspace


class RandomSearch(ChildMethod):
    """See the module."""

    def __init__(self, context: SearchContext) -> None:
        super().__init__(context)
        self.generator = torch.Generator().manual_seed(stable_seed(self.config.seed, "random"))

    @classmethod
    def new_policy(cls, full: Subspace, config: SearchConfig) -> Policy | None:
        """See `Method`: uniform draws."""
        return Uniform(full, torch.Generator().manual_seed(stable_seed(config.seed, "controller")))

    def propose(self) -> list[Architecture]:
        """See `ChildMethod`."""
        return [self.context.sampler.draw_uniform(self.generator) for _ in range(self.num_wanted)]

    def state_dict(self) -> State:
        """See `Method`."""
        return super().state_dict() | {"generator": self.generator.get_state()}

    def load_state_dict(self, state: State, /) -> None:
        """See `Method`."""
        super().load_state_dict(state)
        self.generator.set_state(state["generator"])
