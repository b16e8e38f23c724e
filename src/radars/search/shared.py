"""`SharedMethod`: what the methods share whose architectures share the weights of a supernet."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from radars.nn.shelf import Shelf
from radars.search.method import Method
from radars.search.setup import SearchSetup
from radars.search.state import named, of_part
from radars.search.workbench import Workbench
from radars.space import Architecture


class SharedMethod(Method):
    """Has a supernet.

    Attributes:
        supernet: the shared weights, and the architecture logits.
    """

    def __init__(self, setup: SearchSetup, bench: Workbench, shelf: Shelf | None = None) -> None:
        super().__init__(setup, bench, shelf)
        self.supernet = setup.new_supernet(shelf)

    def shared_accuracy(self, architecture: Architecture) -> float:
        """The accuracy of a path with the shared weights on the whole validation part."""
        return self.bench.accuracy(self.supernet, architecture, self.config.data.batch_size)

    def tensors(self) -> dict[str, Tensor]:
        """See `Method`."""
        return named("supernet", self.supernet.state())

    def values(self) -> dict[str, Any]:
        """See `Method`."""
        return {}

    def load(self, tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> None:
        """See `Method`."""
        self.supernet.load_state(of_part("supernet", tensors))
