"""`Constraint`: a hard upper bound on what an architecture may cost."""

import math
import re
from dataclasses import dataclass

from radars.cost.table import Cost
from radars.errors import ConfigError

METRICS = ("macs", "parameters")


@dataclass(frozen=True)
class Constraint:
    """An upper bound, such as `macs<=40e6`.

    Attributes:
        metric: `macs` or `parameters`.
        limit: the largest cost that is allowed.
    """

    metric: str
    limit: float

    @classmethod
    def parse(cls, text: str) -> "Constraint":
        """Reads `metric<=number`.

        Raises:
            ConfigError: the text is not of that form, or the metric is not known.
        """
        match = re.fullmatch(r"\s*([a-z_]+)\s*<=\s*([0-9.]+(?:e[+-]?[0-9]+)?)\s*", text.lower())
        try:
            limit = float(match[2]) if match else math.nan
        except ValueError:
            limit = math.nan
        if match is None or match[1] not in METRICS or not 0 < limit < math.inf:
            raise ConfigError(
                f"a constraint is METRIC<=NUMBER with METRIC one of {', '.join(METRICS)}, but got "
                f"{text!r}; write it like macs<=40e6"
            )
        return cls(match[1], limit)

    def __str__(self) -> str:
        return f"{self.metric}<={self.limit:g}"

    def value(self, cost: Cost) -> int:
        """The cost that this constraint bounds."""
        return int(getattr(cost, self.metric))

    def allows(self, cost: Cost) -> bool:
        """Whether a cost is within the bound."""
        return self.value(cost) <= self.limit
