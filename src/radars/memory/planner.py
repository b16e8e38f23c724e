"""`Planner`: which candidates stay live, and which savings are on, so that training fits a budget.

Cheapest first: as it is; with the savings that are allowed; pruned. Prices guide it, and an exact
trace decides.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace

from radars.cost import PriceCache
from radars.memory.knapsack import Knapsack
from radars.memory.plan import Plan
from radars.memory.predict import TrainingSpec
from radars.memory.subspace_planner import SubspacePlanner
from radars.nn.memory_saving.savings import PLAIN, MemorySavings
from radars.space import SearchSpace, Subspace

_MAX_TRIES = 12
_NEAR = 0.1  # of the room for pruned candidates: what may stay empty


class Planner(SubspacePlanner):
    """Plans for one space, one kind of batch and one budget; prunes where savings are not enough.

    Args:
        space: the search space.
        spec: batch, optimizers, precision.
        budget_bytes: the most that a training step may hold.
        max_cost_ratio: the most multiply-accumulates of the live candidates together, as a
            multiple of the largest path's; None for no limit.
        settings: the savings that are allowed, cheapest first.
        price_cache: where prices are kept from one process to the next; None to trace them.
    """

    def __init__(
        self,
        space: SearchSpace,
        spec: TrainingSpec,
        budget_bytes: int,
        max_cost_ratio: float | None = None,
        settings: Iterable[MemorySavings] = (PLAIN, MemorySavings(recompute=1.0)),
        price_cache: PriceCache | None = None,
    ) -> None:
        super().__init__(space, spec, budget_bytes, settings, price_cache)
        self._max_cost_ratio = max_cost_ratio

    def plan(
        self,
        preferences: Mapping[str, Mapping[str, float]] | None = None,
        within: Subspace | None = None,
    ) -> Plan:
        """The plan that keeps the most preference within the budget.

        Args:
            preferences: choice to candidate to a probability; by default all alike.
            within: the candidates to choose from; by default all.

        Raises:
            BudgetError: not even the smallest path fits.
        """
        within = within or self.space.full
        preferences = preferences or {
            choice: dict.fromkeys(names, 1.0 / len(names)) for choice, names in within.items()
        }
        affordable = self._affordable(preferences, within)
        plan = self._first_that_fits(affordable) or self._pruned_to_fit(preferences, within)
        return replace(self._lightened(plan), is_pruned=plan.subspace != within)

    def _affordable(
        self, preferences: Mapping[str, Mapping[str, float]], within: Subspace
    ) -> Subspace:
        """What there is time for, whatever it holds."""
        return self._knapsack(PLAIN).filled(preferences, within, self.smallest_path(within))

    def _pruned_to_fit(
        self, preferences: Mapping[str, Mapping[str, float]], within: Subspace
    ) -> Plan:
        """Prunes, with all savings that are allowed, as little as the exact trace allows.

        Prices decide what is kept of some room; how much room there is, is found by bisection.
        """
        savings = self._settings[-1]
        smallest = self.smallest_path(within)
        best = self.plan_path(smallest)
        knapsack = self._knapsack(savings)
        least_bytes = knapsack.expected_bytes(smallest, savings)
        room_bytes: float = self.budget_bytes - self.counted_bytes(smallest, savings)
        near_bytes = _NEAR * room_bytes
        enough_bytes, too_much_bytes = 0.0, math.inf  # of room
        for _ in range(_MAX_TRIES if room_bytes > 0 else 0):
            kept = knapsack.filled(preferences, within, smallest, savings, room_bytes)
            left_bytes = self.budget_bytes - self.counted_bytes(kept, savings)
            if left_bytes >= 0:
                best, enough_bytes = self._made(kept, savings), room_bytes
            else:
                used_bytes = knapsack.expected_bytes(kept, savings) - least_bytes
                too_much_bytes = min(room_bytes, used_bytes)
            if 0 <= left_bytes <= near_bytes or too_much_bytes - enough_bytes <= near_bytes:
                break
            room_bytes += left_bytes
            if not enough_bytes < room_bytes < too_much_bytes:
                room_bytes = (enough_bytes + too_much_bytes) / 2
        return best

    def _knapsack(self, savings: MemorySavings) -> Knapsack:
        return Knapsack(self.space, self._summed_prices(savings), self.costs, self._max_cost_ratio)
