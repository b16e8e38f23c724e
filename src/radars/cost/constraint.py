"""`Constraint`: a hard upper bound on what an architecture may cost."""

import re
from dataclasses import dataclass

from radars.cost.cost_kind import parse_cost
from radars.errors import ConfigError
from radars.registries import COSTS


@dataclass(frozen=True)
class Constraint:
    """An upper bound, such as `macs<=40M`.

    Attributes:
        metric: a registered cost.
        limit: the largest cost that is allowed.
    """

    metric: str
    limit: float

    @classmethod
    def parse(cls, text: str) -> "Constraint":
        """Reads `metric<=number`: `macs<=40M`, `parameters<=1.5e6`, `memory<=1MiB`.

        Raises:
            ConfigError: the text is not of that form, or the metric is not known.
        """
        number = r"[0-9.]+(?:e[+-]?[0-9]+)?\s*[a-z]*"
        match = re.fullmatch(rf"\s*([a-z_]+)\s*<=\s*({number})\s*", text.lower())
        if match is None or match[1] not in COSTS:
            raise _malformed(text)
        try:
            return cls(match[1], parse_cost(match[1], match[2]))
        except ConfigError:
            raise _malformed(text) from None

    def __str__(self) -> str:
        short = f"{self.limit:g}"
        return f"{self.metric}<={short if float(short) == self.limit else repr(self.limit)}"


def _malformed(text: str) -> ConfigError:
    return ConfigError(
        f"a constraint is METRIC<=NUMBER with METRIC one of {', '.join(COSTS.names())}, but got "
        f"{text!r}; write it like macs<=40M or memory<=1MiB"
    )
