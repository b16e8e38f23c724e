"""`BaselineConfig`: which baselines are trained beside what a search found, and for how long."""

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from radars.engine.method_config import Checked
from radars.errors import ConfigError

KINDS = ("largest", "smallest", "random")
_NUM_DRAWS = 3
_MOST_DRAWS = 100
_EVERY_NAME = "largest, smallest, random, or random=N for N draws"


def _listed(value: object) -> object:
    """`largest,random` as a list."""
    return [name.strip() for name in value.split(",")] if isinstance(value, str) else value


def _number(name: str) -> tuple[str, int]:
    """The kind of a baseline, and how many networks of it there are.

    Raises:
        ConfigError: there is no such baseline.
    """
    found = re.fullmatch(r"([a-z]+)(?:=([0-9]{1,4}))?", name)
    kind, number = found.groups() if found else ("", None)
    if kind not in KINDS or (number is not None and kind != "random"):
        raise ConfigError(f"a baseline is {_EVERY_NAME}, but got {name!r}; give one of these")
    if number is not None and not 1 <= int(number) <= _MOST_DRAWS:
        raise ConfigError(
            f"random baselines are 1 to {_MOST_DRAWS} networks, but got {name!r}; write it like "
            f"random={_NUM_DRAWS}"
        )
    return kind, int(number or (_NUM_DRAWS if kind == "random" else 1))


def _checked(names: tuple[str, ...]) -> tuple[str, ...]:
    kinds = [_number(name)[0] for name in names]
    if len(set(kinds)) < len(kinds):
        raise ConfigError(
            f"each baseline is named once, but got {','.join(names)}; leave out what is twice"
        )
    return names


class BaselineConfig(Checked):
    """What is trained when a search is over: what it found, and baselines, all alike.

    Attributes:
        names: `largest` and `smallest`, the networks with the most and the fewest
            multiply-accumulates within constraints and budget; `random`, 3 uniform draws;
            `random=N` for another number of draws. Empty for no baselines.
        steps: training steps of each network, from scratch, by `children.optimizer`. None for 400,
            or for as many as fit a time limit.
        share: the fraction of a time limit that is kept for baselines.
    """

    names: Annotated[tuple[str, ...], BeforeValidator(_listed), AfterValidator(_checked)] = ()
    steps: int | None = Field(None, ge=1)
    share: float = Field(0.2, gt=0, lt=1)

    @property
    def counts(self) -> dict[str, int]:
        """Kind of baseline to how many networks of it there are, in the order of the names."""
        return dict(map(_number, self.names))

    @property
    def usual_steps(self) -> int:
        """The training steps of each network, where time is not limited."""
        return self.steps or 400

    def num_steps(self, num_architectures: int) -> int:
        """The training steps of all networks together, where time is not limited.

        Args:
            num_architectures: those of the space: there are no more networks than that.
        """
        if not self.names:
            return 0
        return min(1 + sum(self.counts.values()), num_architectures) * self.usual_steps


def grouped(value: Any) -> Any:
    """The group of settings of which only the names may be given: a text, or one after another."""
    if isinstance(value, Mapping | BaselineConfig):
        return value
    is_several = isinstance(value, Iterable) and not isinstance(value, str)
    return {"names": list(value) if is_several else value}


BaselineSettings = Annotated[BaselineConfig, BeforeValidator(grouped)]
"""A group of settings, or the names alone."""
