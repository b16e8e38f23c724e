"""`random`: architectures drawn uniformly, each trained from scratch; the best is returned.

The yardstick of architecture search (Li and Talwalkar 2019, "Random Search and Reproducibility for
Neural Architecture Search").
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from radars.nn.shelf import Shelf
from radars.search.sampled import ChildMethod
from radars.search.setup import SearchSetup
from radars.search.workbench import Workbench
from radars.seeds import stable_seed
from radars.space import Architecture


class RandomSearch(ChildMethod):
    """See the module."""

    def __init__(self, setup: SearchSetup, bench: Workbench, shelf: Shelf | None = None) -> None:
        super().__init__(setup, bench, shelf)
        self.generator = torch.Generator().manual_seed(stable_seed(self.config.seed, "random"))

    def propose(self) -> list[Architecture]:
        """See `ChildMethod`."""
        return [self.bench.draw_uniform(self.generator) for _ in range(self.num_wanted)]

    def tensors(self) -> dict[str, Tensor]:
        """See `Method`."""
        return super().tensors() | {"generator": self.generator.get_state()}

    def load(self, tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> None:
        """See `Method`."""
        super().load(tensors, values)
        self.generator.set_state(tensors["generator"])
