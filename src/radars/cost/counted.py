"""`macs` and `parameters`: what is counted, exactly, without running anything."""

from dataclasses import dataclass
from typing import ClassVar

from radars.cost.cost_kind import CostKind, PriceRequest
from radars.cost.cost_table import CostTable
from radars.cost.metric import Metric
from radars.units import parse_count


@dataclass(frozen=True)
class Counted(CostKind):
    """A cost that every `CostTable` has.

    Attributes:
        name: the name of the cost there.
    """

    is_counted: ClassVar[bool] = True

    name: str

    def price(self, request: PriceRequest) -> Metric:
        """See `CostKind`."""
        return CostTable.of(request.space, request.input_shape).metric(self.name)

    def parse(self, text: str) -> float:
        """A count, such as `40M`."""
        return parse_count(text)

    def format(self, value: float) -> str:
        """A whole number."""
        return f"{value:,.0f}"


MACS = Counted("macs")
PARAMETERS = Counted("parameters")
