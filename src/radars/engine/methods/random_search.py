"""`random`: architectures drawn uniformly, each trained from scratch; the best is returned.

The baseline of architecture search (Li and Talwalkar 2019, "Random Search and Reproducibility for
Neural Architecture Search").
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from radars.engine.methods.child_method import ChildMethod
from radars.engine.search_setup import SearchSetup
from radars.engine.workbench import Workbench
from radars.nn.memory_saving.disk_offload import DiskOffload
from radars.seeds import stable_seed
from radars.space import Architecture


class RandomSearch(ChildMethod):
    """See the module."""

    def __init__(
        self, setup: SearchSetup, bench: Workbench, disk: DiskOffload | None = None
    ) -> None:
        super().__init__(setup, bench, disk)
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
