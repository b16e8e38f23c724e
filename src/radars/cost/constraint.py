"""`Constraint`: a hard upper bound on what an architecture may cost."""

import math
import re
from dataclasses import dataclass

from radars.cost.cost_table import Cost
from radars.errors import ConfigError
from radars.units import parse_bytes, parse_count

METRICS = ("macs", "parameters", "memory", "latency_ms")
"""Every cost: multiply-accumulates of one example, parameters, bytes that an inference holds at its
peak, milliseconds that it takes."""


@dataclass(frozen=True)
class Constraint:
    """An upper bound, such as `macs<=40M`.

    Attributes:
        metric: one of `METRICS`.
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
        if match is None or match[1] not in METRICS:
            raise _malformed(text)
        try:
            return cls(match[1], parse_cost(match[1], match[2]))
        except ConfigError:
            raise _malformed(text) from None

    def allows(self, cost: Cost) -> bool:
        """Whether what is counted, multiply-accumulates or parameters, is within the bound."""
        return int(getattr(cost, self.metric)) <= self.limit

    def __str__(self) -> str:
        short = f"{self.limit:g}"
        return f"{self.metric}<={short if float(short) == self.limit else repr(self.limit)}"


def parse_cost(metric: str, text: str | float) -> float:
    """Reads an amount of a cost: a positive number.

    A count may have a suffix, as `40M` has; memory is bytes with or without a unit.

    Raises:
        ConfigError: it is none.
    """
    if metric == "memory":
        return float(parse_bytes(str(text)))
    if metric in ("macs", "parameters"):
        return parse_count(text)
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise ConfigError(
            f"an amount of {metric} is a positive number, but got {text!r}; write it like 2.5"
        )
    return number


def format_cost(metric: str, value: float) -> str:
    """Prints an amount of a cost with its unit."""
    if metric == "memory":
        return f"{value:,.0f} bytes"
    return f"{value:.3f} ms" if metric == "latency_ms" else f"{value:,.0f}"


def _malformed(text: str) -> ConfigError:
    return ConfigError(
        f"a constraint is METRIC<=NUMBER with METRIC one of {', '.join(METRICS)}, but got "
        f"{text!r}; write it like macs<=40M or memory<=1MiB"
    )
