"""`CompareConfig`: which methods, seeds and settings are compared, and how. Checked when made."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from radars.engine.method_config import MethodName
from radars.engine.search_config import SearchConfig
from radars.execution.executor import ExecutorConfig
from radars.renamed_settings import with_new_names
from radars.settings import merge_settings, validate_settings
from radars.training.train_config import INHERITED_DATA, TrainConfig


def _checked_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", name):
        raise ValueError(
            "must be 1 to 64 letters, digits, _ or -, and begin with a letter or digit"
        )
    return name


Name = Annotated[str, AfterValidator(_checked_name)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
SearchSettings = Annotated[dict[str, Any], AfterValidator(with_new_names)]


class _Config(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class Cell:
    """One search of a comparison.

    Attributes:
        setting: the name of its setting.
        method: what searches.
        seed: the seed of all random draws.
    """

    setting: str
    method: str
    seed: int

    @property
    def key(self) -> str:
        """Its directory within the comparison's."""
        return f"{self.setting}/{self.method}/seed-{self.seed}"


class Grid(_Config):
    """Every method with every seed in every setting.

    Attributes:
        methods: the methods to compare.
        seeds: the seeds of all random draws.
        settings: names of settings; by default all.
    """

    methods: tuple[MethodName, ...] = Field(("radars", "reinforce", "random"), min_length=1)
    seeds: tuple[Seed, ...] = Field((0, 1, 2), min_length=1)
    settings: tuple[Name, ...] | None = None


class CompareConfig(_Config):
    """A whole comparison.

    Attributes:
        search: settings of every search, as for `radars search`: space, data, budget.
        by_method: settings for the searches of one method; they override `search`.
        settings: named groups of settings, such as constraints; they override both.
        grids: which cells to run; a cell that is in several grids runs once.
        train: settings of the training from scratch after each search, as for `radars train`; None
            for no training.
        table: `NAME=PATH` of a published table that judges the results; None for no table.
        table_data: the data set whose accuracies are read from the table, such as `cifar100`.
        executor: where cells run.
    """

    search: SearchSettings = {}
    by_method: dict[MethodName, SearchSettings] = {}
    settings: dict[Name, SearchSettings] = Field({"default": {}}, min_length=1)
    grids: tuple[Grid, ...] = Field((Grid(),), min_length=1)
    train: dict[str, Any] | None = None
    table: str | None = None
    table_data: str = "cifar10"
    executor: ExecutorConfig = ExecutorConfig()

    @model_validator(mode="after")
    def _check(self) -> "CompareConfig":
        for grid in self.grids:
            for name in grid.settings or ():
                if name not in self.settings:
                    raise ValueError(
                        f"a grid names settings of the comparison, but there is no {name!r}; there "
                        f"is {', '.join(self.settings)}; correct the name, or add the setting"
                    )
        return self

    def cells(self) -> Iterator[Cell]:
        """Every cell once, seeds last, so that a table fills evenly."""
        seen: set[Cell] = set()
        for grid in self.grids:
            for seed in grid.seeds:
                for setting in grid.settings or self.settings:
                    for method in grid.methods:
                        cell = Cell(setting, method, seed)
                        if cell not in seen:
                            seen.add(cell)
                            yield cell

    def search_config(self, cell: Cell) -> SearchConfig:
        """The configuration of a cell's search.

        Raises:
            ConfigError: a setting is not valid.
        """
        of_method = next((s for name, s in self.by_method.items() if name == cell.method), {})
        given = merge_settings(
            self.search,
            of_method,
            self.settings[cell.setting],
            {"method": cell.method, "seed": cell.seed},
        )
        return validate_settings(SearchConfig, given)

    def train_config(self, search: SearchConfig) -> TrainConfig | None:
        """The configuration of the training of what a search found; None for no training.

        Raises:
            ConfigError: a setting is not valid.
        """
        if self.train is None:
            return None
        data = search.data.model_dump(include=set(INHERITED_DATA))
        given = {
            "space": search.space,
            "space_options": dict(search.space_options),
            "data": data,
            "device": search.device,
            "seed": search.seed,
        }
        return validate_settings(TrainConfig, merge_settings(given, self.train))
