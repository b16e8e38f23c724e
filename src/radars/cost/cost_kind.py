"""`CostKind`: one kind of cost: how it is priced, read and printed. See `registries.COSTS`."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from radars.cost.latency_table import LatencyRow
from radars.cost.metric import Metric
from radars.errors import ConfigError
from radars.example import InputShape
from radars.registries import COSTS
from radars.space import SearchSpace


@dataclass(frozen=True)
class PriceRequest:
    """What is priced, and how.

    Attributes:
        space: the search space.
        input_shape: the shape of one example, without the batch.
        device: where inference runs, such as `cuda:1`.
        batch_size: examples in a forward pass.
        threads: that a forward pass may use while it is measured.
        seconds: how long each candidate is measured, at least.
        margin: how far below its bound what is measured has to be, as a fraction.
        latency_table: a file with the latency of each candidate; None to measure it.
        measured: what was measured before, for a search that goes on with it; None for nothing.
    """

    space: SearchSpace
    input_shape: InputShape
    device: str = "cpu"
    batch_size: int = 1
    threads: int = 1
    seconds: float = 0.1
    margin: float = 0.05
    latency_table: str | None = None
    measured: Sequence[LatencyRow] | None = None


class CostKind(ABC):
    """One kind of cost.

    Attributes:
        is_counted: whether it is in every `CostTable`, exact, without running anything.
        how: what is done to know that of a whole network, for people.
    """

    is_counted: ClassVar[bool] = False
    how: ClassVar[str] = "computed"

    @abstractmethod
    def price(self, request: PriceRequest) -> Metric:
        """What the fixed part of a space costs, and each candidate.

        Raises:
            ConfigError: it cannot be known as it is asked for.
        """

    def parse(self, text: str) -> float:
        """Reads an amount: a positive number.

        Raises:
            ConfigError: it is none.
        """
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not 0 < number < math.inf:
            raise ConfigError(
                f"an amount is a positive number, but got {text!r}; write it like 2.5"
            )
        return number

    def format(self, value: float) -> str:
        """Prints an amount with its unit."""
        return f"{value:,.3f}"


def parse_cost(name: str, text: str | float) -> float:
    """Reads an amount of a cost.

    Raises:
        ConfigError: there is no such cost, or it is no amount of it.
    """
    kind: CostKind = COSTS.get(name)
    try:
        return kind.parse(str(text))
    except ConfigError as error:
        raise ConfigError(f"{name}: {error}") from error


def format_cost(name: str, value: float) -> str:
    """Prints an amount of a cost with its unit."""
    kind: CostKind = COSTS.get(name)
    return kind.format(value)
