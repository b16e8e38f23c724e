"""`Covers`: savings with which many paths fit, by traces of the dearest of them alone."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from radars.memory.budgeted import BudgetedForecast
from radars.memory.dominance import Dominating, around, dominating
from radars.memory.first_within import HOPELESS, first_within, likely_first
from radars.nn.memory_saving.savings import MemorySavings
from radars.space import Architecture, Subspace

_BEYOND = 1.01  # times what the dearest path holds, others hold at most: prices are no traces


@dataclass(frozen=True)
class Cover:
    """Savings with which every path of a subspace fits.

    Attributes:
        subspace: what the paths are of.
        savings: what trades time for memory.
        peak_bytes: the most that a path holds with them.
    """

    subspace: Subspace
    savings: MemorySavings
    peak_bytes: int


class Covers:
    """Finds the cover of each path, and remembers it.

    Args:
        forecast: predicts memory, and knows the budget.
        settings: the savings that are allowed, cheapest first.
    """

    def __init__(self, forecast: BudgetedForecast, settings: Sequence[MemorySavings]) -> None:
        self._forecast = forecast
        self._settings = settings
        self._of_all: dict[object, Cover | None] = {}  # by budget and corrections
        self._of_path: dict[tuple[object, Architecture], Cover | None] = {}
        self._others: defaultdict[object, list[Cover]] = defaultdict(list)

    def of(self, path: Architecture) -> Cover | None:
        """Savings with which a path fits, and many others, by traces of the dearest of them alone.

        The cheapest with which all paths fit, if there are any; else all that are allowed. So they
        depend on the path, the budget and what was learned of memory, and not on the paths that
        were asked for before. None where it does not fit, or where batches may be split.
        """
        key = self._forecast.budget_bytes, self._forecast.corrections.key
        if key not in self._of_all:
            self._of_all[key] = self._cover_of_all()
        if self._of_all[key] is not None or self._settings[-1].micro_batches > 1:
            return self._of_all[key]
        if (key, path) not in self._of_path:
            known = self._others[key]
            cover = next((each for each in known if each.subspace.allows(path)), None)
            if cover is None:
                cover = self._cover_around(path)
                known += [] if cover is None else [cover]
            self._of_path[key, path] = cover
        return self._of_path[key, path]

    def _cover_of_all(self) -> Cover | None:
        """The cheapest savings with which all paths fit."""
        full = self._forecast.space.full
        expected_bytes = [self._expected_dearest_bytes(each, full) for each in self._settings]
        need_bytes = partial(self._dearest_bytes, subspace=full)
        first = first_within(
            self._forecast.budget_bytes, self._settings, expected_bytes, need_bytes
        )
        if first is None:
            return None
        savings = self._settings[first]
        return Cover(full, savings, math.ceil(self._dearest_bytes(savings, full)))

    def _cover_around(self, path: Architecture) -> Cover | None:
        """A subspace with a path whose paths all fit with all savings, as large as prices say.

        The largest of all would take more traces than it saves.
        """
        savings, prices = self._settings[-1], self._forecast.traces.prices(self._settings[-1])
        subspaces = around(path, prices, savings, self._forecast.corrections.extra)
        expected_bytes = [self._expected_dearest_bytes(savings, each) for each in subspaces]
        index, error_bytes = -1, dict[int, float]()  # of what was expected, by index
        while index + 1 < len(subspaces):
            index = likely_first(
                self._forecast.budget_bytes, expected_bytes, error_bytes, index + 1, len(subspaces)
            )
            need_bytes = self._dearest_bytes(savings, subspaces[index])
            if need_bytes <= self._forecast.budget_bytes:
                return Cover(subspaces[index], savings, math.ceil(need_bytes))
            error_bytes[index] = need_bytes - expected_bytes[index]
        return None

    def _dearest_bytes(self, savings: MemorySavings, subspace: Subspace) -> float:
        """The most that any path of a subspace holds with some savings, by a trace of the dearest.

        By prices where that is hopeless.
        """
        expected_bytes = self._expected_dearest_bytes(savings, subspace)
        if expected_bytes > HOPELESS * self._forecast.budget_bytes:
            return expected_bytes  # an exact trace takes a while
        dearest = self._dominating(savings, subspace)
        peak_bytes = self._forecast.counted_bytes(dearest.path, savings)
        if subspace.num_architectures == 1:
            return peak_bytes
        return _BEYOND * (peak_bytes + dearest.beyond_bytes)

    def _expected_dearest_bytes(self, savings: MemorySavings, subspace: Subspace) -> float:
        """What `_dearest_bytes` finds, by prices alone."""
        dearest = self._dominating(savings, subspace)
        peak_bytes = self._forecast.expected_bytes(dearest.path.as_subspace(), savings)
        return _BEYOND * (peak_bytes + dearest.beyond_bytes)

    def _dominating(self, savings: MemorySavings, subspace: Subspace) -> Dominating:
        prices = self._forecast.traces.prices(savings)
        return dominating(prices, savings, self._forecast.corrections.extra, subspace)
