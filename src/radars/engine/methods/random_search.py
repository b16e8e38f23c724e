"""`random`: architectures drawn uniformly, each trained from scratch; the best is returned.

The baseline of architecture search (Li and Talwalkar 2019, "Random Search and Reproducibility for
Neural Architecture Search").
"""

import torch

from radars.engine.methods.child_method import DrawingMethod
from radars.engine.policies.policy import Policy, Uniform
from radars.engine.search_config import SearchConfig
from radars.seeds import stable_seed
from radars.space import Architecture, Subspace


class RandomSearch(DrawingMethod):
    """See the module."""

    @classmethod
    def new_policy(cls, full: Subspace, config: SearchConfig) -> Policy | None:
        """See `Method`: uniform draws."""
        return Uniform(full, torch.Generator().manual_seed(stable_seed(config.seed, "controller")))

    def propose(self) -> list[Architecture]:
        """See `ChildMethod`."""
        return self.draw(self.num_wanted)
