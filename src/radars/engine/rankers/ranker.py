"""`Ranker`: says something of a network that is not trained yet, so that networks can be ranked."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn

from radars.engine.context import SearchContext
from radars.nn.supernet import Supernet
from radars.space import Architecture


@dataclass(frozen=True)
class Look:
    """What a ranker looks at.

    Attributes:
        context: the problem, and what there is to work with.
        architecture: what is ranked.
        network: its network with fresh weights, the same for all architectures as far as shapes
            allow; None where the ranker asks for none.
        example_B: the batch that was passed through it just now; None likewise.
    """

    context: SearchContext
    architecture: Architecture
    network: Supernet | None = None
    example_B: Any = None  # noqa: N815 - named by its shape


class Ranker(ABC):
    """One look at one network; made anew for each look.

    Attributes:
        needs_network: whether it looks at fresh weights, several draws of them; where it does not,
            it is asked once.
        modules: the types of the modules that it watches while a batch passes through.
    """

    needs_network: ClassVar[bool] = True
    modules: ClassVar[tuple[type[nn.Module], ...]] = ()

    def watch(self, module: nn.Module, inputs: object, output: Tensor) -> None:  # noqa: B027
        """Called after each pass of a watched module."""

    @abstractmethod
    def score(self, look: Look) -> float:
        """Larger is better; 0 where there is nothing to say."""
