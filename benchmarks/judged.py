"""What `judge.py` compares: problems (a space, its data, a budget, a time) and contenders.

What is here belongs to the spaces and is the same for every contender. The recipe of `radars` is
that of the library.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tabular.settings import SETTINGS
from tabular.table import read_judge

from radars import SearchSpace
from radars.comparison import PublishedTable, read_table
from radars.cost import Constraint
from radars.data import Data
from radars.settings import merge_settings

Settings = dict[str, Any]

CONTENDERS: Mapping[str, Settings] = {
    "radars": {},
    "uniform": {"explore": {"controller": {"temperature": 1e9}}},  # instead of RL
    "no-differentiate": {"differentiate": {"steps": 0}},
    "no-rankers": {"explore": {"rankers": []}},
    "selection": {"explore": {"share": 0.0}, "differentiate": {"steps": 0}},  # alone
    **{
        name: {"method": name}
        for name in (
            *("random", "asha", "reinforce", "spos", "evolution", "local_search", "gdas"),
            *("largest", "zero_cost"),
        )
    },
}
"""By name, the settings that make one; the last are methods of the library."""


@dataclass(frozen=True)
class Problem:
    """A space to search, within a time.

    Attributes:
        name: what rows call it.
        seconds: how long each search takes.
        given: from the folder of published data and a seed, the space and the data to search.
        table: from the same folder, what judges.
        own: from the same folder, the settings of its searches.
        constraints: bounds on what is found.
    """

    name: str
    seconds: float
    given: Callable[[Path, int], tuple[SearchSpace | str, Data | str]]
    table: Callable[[Path], PublishedTable]
    own: Callable[[Path], Settings]
    constraints: tuple[str, ...] = field(default=())

    def settings(self, contender: str, data: Path) -> Settings:
        """All settings of a contender's searches."""
        bounds = {"constraints": self.constraints}
        return merge_settings(self.own(data), bounds, CONTENDERS[contender])

    @property
    def bounds(self) -> tuple[Constraint, ...]:
        """The constraints, parsed."""
        return tuple(Constraint.parse(text) for text in self.constraints)


def small(name: str, budget: str, seconds: float = 20) -> Problem:
    """A space of `tabular/`, with the optimizer and the batches of its table.

    Args:
        name: the name of the space.
        budget: about 1.1 of what the largest network needs: no supernet of the whole space fits.
        seconds: how long each search takes.
    """
    setting = SETTINGS[name]

    def given(data: Path, seed: int) -> tuple[SearchSpace, Data]:
        return SearchSpace(setting.network), setting.examples(data).for_search(name, seed)

    recipe = setting.recipe
    optimizer = {
        "name": "adamw",
        "learning_rate": recipe.learning_rate,
        "weight_decay": recipe.weight_decay,
    }

    def own(data: Path) -> Settings:
        steps = recipe.steps(len(setting.examples(data).seen_N))
        settings = {"batch_size": recipe.batch_size, "budget": budget}
        return settings | _trained(optimizer, steps)

    return Problem(name, seconds, given, lambda data: read_judge(name), own)


def published(
    name: str, space: str, table: str, proxy: Settings, budget: str, *, constraint: str = ""
) -> Problem:
    """A published space on CIFAR-10, searched for ten minutes with smaller networks.

    Args:
        name: what rows call it.
        space: in the zoo.
        table: its name for `read_table`, which is also its folder's.
        proxy: options of the networks that are trained while searching.
        budget: about 1.1 of what the largest of these needs.
        constraint: a bound on what is found; none where empty.
    """

    def own(data: Path) -> Settings:
        settings = {
            "proxy_options": proxy,
            "batch_size": 64,
            "data_options": {"num_train": 25_000, "validation_fraction": 0.2, "augment": False},
            "budget": budget,
        }
        return settings | _trained({"learning_rate": 0.05}) | {"optimizer": _SHARED}

    def judges(data: Path) -> PublishedTable:
        file = next((data / table).glob(f"{table}_cifar10.*"))
        return read_table(f"{table}={file}")

    return Problem(
        name,
        600,
        lambda data, seed: (space, str(data / "cifar10")),
        judges,
        own,
        constraints=(constraint,) if constraint else (),
    )


_SHARED = {"learning_rate": 0.1}


def _trained(optimizer: Settings, steps: int | None = None) -> Settings:
    """How networks are trained while searching.

    Args:
        optimizer: the optimizer of all trainings.
        steps: that the table trained each network for; no search needs to train one for longer.
            None where these are far more than a search has time for.
    """
    settings = {
        "optimizer": optimizer,
        "select": {"optimizer": optimizer},
        "children": {"optimizer": optimizer},
    }
    if steps is None:
        return settings
    of_select = {"halving_steps": [steps // 3, steps], "max_steps": steps}
    return merge_settings(settings, {"select": of_select, "children": {"steps": steps}})


def _macro(name: str, constraint: str = "") -> Problem:
    proxy = {"width": 8}
    return published(
        name, "nasbench-macro", "nas-bench-macro", proxy, "163MiB", constraint=constraint
    )


def _cells201(name: str, constraint: str = "") -> Problem:
    proxy = {"width": 8, "cells_per_stage": 1}
    return published(name, "nasbench201", "nas-bench-201", proxy, "65MiB", constraint=constraint)


PROBLEMS: Mapping[str, Problem] = {
    problem.name: problem
    for problem in (
        small("plain", "2300KiB"),
        small("columns", "400KiB"),
        small("digits", "12MiB"),
        small("cells", "5MiB"),
        small("mixers", "3500KiB"),
        small("signals", "3700KiB"),
        small("scarce", "262KiB"),
        _macro("macro"),
        _macro("macro-40", "macs<=40e6"),
        _cells201("cells201"),
        _cells201("cells201-40", "macs<=40e6"),
        _cells201("cells201-80", "macs<=80e6"),
    )
}
"""By name; protocol.md says which are for development."""
