"""`Planner`: which candidates stay live, and which levers are on, so that training fits a budget.

Cheapest first: as it is; with the levers that are allowed; pruned. Prices guide it, and an exact
trace decides.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from weakref import WeakKeyDictionary

from radars.cost import CostTable, PriceCache
from radars.errors import BudgetError
from radars.memory.knapsack import Knapsack, largest_path_macs
from radars.memory.plan import Plan
from radars.memory.predict import StepMemory, TrainingSpec, predict
from radars.memory.price import Price, Prices, held_bytes, place_prices
from radars.nn.levers import PLAIN, Levers
from radars.nn.steps import StepKind
from radars.nn.supernet import Weigh
from radars.space import Architecture, SearchSpace, Subspace
from radars.units import format_bytes

_MAX_TRIES = 12
_MAX_TRACED = 400  # candidates; beyond that an exact trace takes more than ten seconds
_NEAR = 0.1  # of the room for pruned candidates: what may stay empty
_HOPELESS = 1.5  # times the budget by prices, which are not that far off

_Traced = tuple[TrainingSpec, Subspace, Levers, type | None, StepKind | None]
_Priced = tuple[tuple[str, Prices], ...]
_PricedFor = tuple[TrainingSpec, bool]  # whether channels may be split
# of every planner of a space: another search of it, or one that is resumed, traces nothing again
_memories: WeakKeyDictionary[SearchSpace, dict[_Traced, StepMemory]] = WeakKeyDictionary()
_prices: WeakKeyDictionary[SearchSpace, dict[_PricedFor, _Priced]] = WeakKeyDictionary()


class Planner:
    """Plans for one space, one kind of batch and one budget.

    Args:
        space: the search space.
        spec: batch, optimizers, precision.
        budget_bytes: the most that a training step may hold.
        max_cost_ratio: the most multiply-accumulates of the live candidates together, as a
            multiple of the largest path's; None for no limit.
        settings: the levers that are allowed, cheapest first.
        price_cache: where prices are kept from one process to the next; None to trace them.
    """

    def __init__(
        self,
        space: SearchSpace,
        spec: TrainingSpec,
        budget_bytes: int,
        max_cost_ratio: float | None = None,
        settings: Iterable[Levers] = (PLAIN, Levers(recompute=1.0)),
        price_cache: PriceCache | None = None,
    ) -> None:
        self.space = space
        self.spec = spec
        self.budget_bytes = budget_bytes
        self._max_cost_ratio = max_cost_ratio
        self._settings = tuple(settings)
        self._price_cache = price_cache
        self._held_by_smallest: dict[Levers, float] = {}

    @cached_property
    def prices(self) -> Mapping[str, Mapping[str, Price]]:
        """What each candidate adds to the memory of a step, over all its places."""
        return self._summed(self._place_prices())

    @cached_property
    def path_bytes(self) -> dict[str, dict[str, int]]:
        """What each candidate adds to the memory of training a path."""
        return {
            choice: {name: price.resident + price.saved for name, price in by_name.items()}
            for choice, by_name in self.prices.items()
        }

    def _place_prices(self, levers: Levers = PLAIN) -> _Priced:
        """Prices by place; what is spared by splitting channels only where that is a lever."""
        split_channels = levers.split_channels > 0
        known = _prices.setdefault(self.space, {})
        key = self.spec, split_channels
        if key not in known:
            known[key] = place_prices(
                self.space, self.spec, self._price_cache, split_channels=split_channels
            )
        return known[key]

    def _summed(self, place_prices: _Priced) -> dict[str, dict[str, Price]]:
        prices: dict[tuple[str, str], Price] = {}
        for choice, by_name in place_prices:
            for name, price in by_name.items():
                key = choice, name
                prices[key] = prices[key] + price if key in prices else price
        return {
            choice: {name: prices.get((choice, name), Price()) for name in names}
            for choice, names in self.space.full.items()
        }

    @cached_property
    def costs(self) -> CostTable:
        """What each candidate adds to the time of a step."""
        return CostTable.of(self.space, self.spec.input_shape)

    def cost_ratio(self, subspace: Subspace) -> float:
        """The multiply-accumulates of live candidates, as a multiple of the largest path's."""
        macs = sum(
            self.costs.candidates[choice][name].macs
            for choice, names in subspace.items()
            for name in names
        )
        return macs / max(largest_path_macs(self.space, self.costs), 1)

    def _knapsack(self, levers: Levers) -> Knapsack:
        prices = self._summed(self._place_prices(levers))
        return Knapsack(self.space, prices, self.costs, self._max_cost_ratio)

    def tighten(self, budget_bytes: int) -> None:
        """Plans within less from now on, as the device has less than was thought."""
        self.budget_bytes = min(self.budget_bytes, budget_bytes)

    def smallest_path(self, within: Subspace | None = None) -> Architecture:
        """The architecture with the least expected memory."""
        return self._smallest if within is None else self._extreme_path(within, sign=1)

    @cached_property
    def _smallest(self) -> Architecture:
        return self._extreme_path(None, sign=1)

    def largest_path(self, within: Subspace | None = None) -> Architecture:
        """The architecture with the most expected memory."""
        return self._extreme_path(within, sign=-1)

    def cheapest_candidates(self, within: Subspace) -> dict[str, str]:
        """Choice to its candidate with the least expected memory, whatever rules say."""
        return {
            choice: min(names, key=self.path_bytes[choice].__getitem__)
            for choice, names in within.items()
        }

    def predict(
        self,
        subspace: Subspace | Architecture,
        levers: Levers = PLAIN,
        weigh: Weigh | None = None,
        kind: StepKind | None = None,
    ) -> StepMemory:
        """The exact memory of training a subspace or a path; traced once in a process.

        Args:
            subspace: what is live.
            levers: what trades time for memory.
            weigh: for that of an architecture step whose weights it makes; what it holds is taken
                to depend on its type alone.
            kind: of step; None for the dearest.
        """
        subspace = subspace.as_subspace() if isinstance(subspace, Architecture) else subspace
        known = _memories.setdefault(self.space, {})
        if weigh is not None:
            kind = StepKind.ARCHITECTURE
        key = self.spec, subspace, levers, None if weigh is None else type(weigh), kind
        if key not in known:
            kinds = None if kind is None else (kind,)
            memory = predict(
                self.space, subspace, self.spec, kinds=kinds, levers=levers, weigh=weigh
            )
            known[key] = known[*key[:-1], memory.kind] = memory
        return known[key]

    def least_bytes(self, architecture: Architecture) -> int:
        """The exact memory of training one path with all levers that are allowed."""
        return self.predict(architecture, self._settings[-1]).peak_bytes

    def expected_path_bytes(self, architecture: Architecture) -> int:
        """The memory of training one path by prices: quick, and a little on the high side."""
        smallest = self.smallest_path()
        kept = sum(
            self.path_bytes[choice][name] - self.path_bytes[choice][smallest[choice]]
            for choice, name in architecture.items()
        )
        # the peak may be behind the last place, where all that is saved is there
        return max(
            self.predict(smallest).peak_bytes + kept,
            round(self.expected_bytes(architecture.as_subspace())),
        )

    def expected_bytes(
        self, subspace: Subspace, levers: Levers = PLAIN, weigh: Weigh | None = None
    ) -> float:
        """The memory of training a subspace by prices: quick, and within some per cent.

        Args: as for `predict`.
        """
        smallest, prices = self._smallest.as_subspace(), self._place_prices(levers)
        traced = replace(levers, recompute=float(levers.recompute > 0))  # once for all parts
        if traced not in self._held_by_smallest:
            self._held_by_smallest[traced] = held_bytes(prices, smallest, traced)
        return (
            self.predict(smallest, traced, weigh).peak_bytes
            + held_bytes(prices, subspace, levers)
            - self._held_by_smallest[traced]
        )

    @cached_property
    def full_supernet_bytes(self) -> int:
        """The memory of training the plain supernet of the whole space: what DARTS needs.

        By prices where there are very many candidates, as no plan keeps them all.
        """
        if self.space.full.num_candidates > _MAX_TRACED:
            return round(self.expected_bytes(self.space.full))
        return self.predict(self.space.full).peak_bytes

    def fits(self, architecture: Architecture) -> bool:
        """Whether one path can be trained within the budget, with all that is allowed."""
        return self._first_that_fits(architecture.as_subspace()) is not None

    def plan_path(self, architecture: Architecture) -> Plan:
        """How to train one path.

        Raises:
            BudgetError: it does not fit, whatever is allowed.
        """
        return self.plan_whole(architecture.as_subspace())

    def plan_whole(self, subspace: Subspace, weigh: Weigh | None = None) -> Plan:
        """How to train a subspace as it is, without pruning.

        Args:
            subspace: what is live.
            weigh: where only an architecture step is run, with the weights that it makes.

        Raises:
            BudgetError: it does not fit, whatever is allowed.
        """
        plan = self._first_that_fits(subspace, weigh)
        if plan is None:
            raise self._does_not_fit(subspace, weigh)
        return self._lightened(plan) if weigh is None else plan

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
        kept = self._knapsack(PLAIN).filled(preferences, within, self.smallest_path(within))
        plan = self._first_that_fits(kept) or self._pruned_to_fit(preferences, within)
        return replace(self._lightened(plan), is_pruned=plan.subspace != within)

    def _first_that_fits(self, subspace: Subspace, weigh: Weigh | None = None) -> Plan | None:
        """The plan with the cheapest levers that fit."""
        settings = self._settings_for(subspace)
        if self._fits(subspace, settings[0], weigh=weigh):  # as most paths do
            return self._made(subspace, settings[0], weigh)
        plan = self._search(subspace, settings[1:], weigh)
        is_path = subspace.num_architectures == 1  # trained for too few steps to look further
        if plan is None or is_path or not plan.levers.is_split:
            return plan
        # what the other levers save may let the last mixtures be, whose maps are small
        parts = sorted({each.recompute for each in settings} - {0.0})
        less_recomputed = [replace(plan.levers, recompute=part) for part in parts]
        return self._search(subspace, less_recomputed, weigh) or plan

    def _search(
        self, subspace: Subspace, settings: Sequence[Levers], weigh: Weigh | None
    ) -> Plan | None:
        """The plan with the first of some levers that fit, where each holds less than the last.

        An exact trace takes a while, so it looks first where prices say.
        """
        expected = (self.expected_bytes(subspace, levers, weigh) for levers in settings)
        fitting = (index for index, need in enumerate(expected) if need <= self.budget_bytes)
        start = next(fitting, len(settings))
        levers = _first(settings, start, partial(self._fits, subspace, weigh=weigh))
        return None if levers is None else self._made(subspace, levers, weigh)

    def _lightened(self, plan: Plan) -> Plan:
        """The plan with cheaper levers for the kind of step that fits with them.

        Of very many candidates, all steps take the same: a trace takes a while then.
        """
        subspace, kinds = plan.subspace, self.spec.training_kinds
        is_long = subspace.num_candidates > _MAX_TRACED
        if subspace.num_architectures == 1 or plan.levers == self._settings[0] or is_long:
            return plan
        for kind in sorted(kinds, key=lambda kind: kind is plan.memory.kind):  # the dearest last
            lighter = _first(self._settings, 0, partial(self._fits, subspace, kind=kind))
            if lighter is not None and lighter != plan.levers:
                changed = replace(plan, lighter=(kind, lighter))
                ratio = self._time_ratio(changed)
                if ratio < plan.time_ratio:
                    memories = [
                        self.predict(subspace, changed.levers_of(each), kind=each) for each in kinds
                    ]
                    memory = max(memories, key=lambda memory: memory.peak_bytes)
                    return replace(changed, memory=memory, time_ratio=ratio)
        return plan

    def _settings_for(self, subspace: Subspace) -> list[Levers]:
        """The levers that are considered: of very many candidates, all or none are recomputed.

        A trace takes a while then, and more than twice as long where some are.
        """
        is_long = subspace.num_candidates > _MAX_TRACED
        return [each for each in self._settings if not is_long or each.recompute in (0, 1)]

    def _fits(
        self,
        subspace: Subspace,
        levers: Levers,
        *,
        weigh: Weigh | None = None,
        kind: StepKind | None = None,
    ) -> bool:
        """Whether the dearest step fits, or that of a kind."""
        if kind is None:  # of one kind prices say little
            expected_bytes = self.expected_bytes(subspace, levers, weigh)
            if expected_bytes > _HOPELESS * self.budget_bytes:
                return False  # an exact trace takes a while
        return self.predict(subspace, levers, weigh, kind).peak_bytes <= self.budget_bytes

    def _pruned_to_fit(
        self, preferences: Mapping[str, Mapping[str, float]], within: Subspace
    ) -> Plan:
        """Prunes, with all levers that are allowed, as little as the exact trace allows.

        Prices decide what is kept of some room; how much room there is, is found by bisection.
        """
        levers = self._settings[-1]
        smallest = self.smallest_path(within)
        best = self.plan_path(smallest)
        knapsack = self._knapsack(levers)
        least_bytes = knapsack.expected_bytes(smallest, levers)
        room_bytes: float = self.budget_bytes - self.predict(smallest, levers).peak_bytes
        near_bytes = _NEAR * room_bytes
        enough_bytes, too_much_bytes = 0.0, math.inf  # of room
        for _ in range(_MAX_TRIES if room_bytes > 0 else 0):
            kept = knapsack.filled(preferences, within, smallest, levers, room_bytes)
            left_bytes = self.budget_bytes - self.predict(kept, levers).peak_bytes
            if left_bytes >= 0:
                best, enough_bytes = self._made(kept, levers), room_bytes
            else:
                used_bytes = knapsack.expected_bytes(kept, levers) - least_bytes
                too_much_bytes = min(room_bytes, used_bytes)
            if 0 <= left_bytes <= near_bytes or too_much_bytes - enough_bytes <= near_bytes:
                break
            room_bytes += left_bytes
            if not enough_bytes < room_bytes < too_much_bytes:
                room_bytes = (enough_bytes + too_much_bytes) / 2
        return best

    def _made(self, subspace: Subspace, levers: Levers, weigh: Weigh | None = None) -> Plan:
        plan = Plan(subspace, levers, self.predict(subspace, levers, weigh))
        return replace(plan, time_ratio=self._time_ratio(plan))

    def _time_ratio(self, plan: Plan) -> float:
        """The expected time of an iteration, as a multiple of that without levers."""
        of_steps = [plan.levers_of(kind) for kind in self.spec.training_kinds]
        again = [self._macs_again(plan.subspace, levers) for levers in of_steps]
        return 1.0 + sum(map(Levers.extra_time, of_steps, again))

    def _macs_again(self, subspace: Subspace, levers: Levers) -> float:
        """The multiply-accumulates of all extra passes, as a part of those of the network."""
        places = [choice for choice, _ in self._place_prices()]
        macs_at = [
            [
                self.costs.candidates[choice][name].macs / places.count(choice)
                for name in subspace[choice]
            ]
            for choice in places
        ]
        levers_at = levers.of_candidates([len(macs) for macs in macs_at])
        again = sum(
            macs * own.extra_passes
            for at_place, own_levers in zip(macs_at, levers_at, strict=True)
            for macs, own in zip(at_place, own_levers, strict=True)
        )
        total = sum(map(sum, macs_at)) + self.costs.fixed.macs
        return again / total if total else 0.0

    def _extreme_path(self, within: Subspace | None, sign: int) -> Architecture:
        within = within or self.space.full
        scores = {
            choice: {name: -sign * self.path_bytes[choice][name] for name in names}
            for choice, names in within.items()
        }
        return self.space.best(scores, within)

    def _does_not_fit(self, subspace: Subspace, weigh: Weigh | None = None) -> BudgetError:
        need_bytes = min(
            self.predict(subspace, levers, weigh).peak_bytes
            for levers in (self._settings[0], self._settings[-1])
        )
        return BudgetError(
            f"the smallest plan of {self.space.name!r} needs {format_bytes(need_bytes)} "
            f"({need_bytes:,} bytes) with batches of {self.spec.batch_size}, but the budget is "
            f"{format_bytes(self.budget_bytes)}; raise the budget, lower the batch size, or raise "
            f"levers.max_micro_batches",
            need_bytes,
        )


def _first(settings: Sequence[Levers], start: int, fits: Callable[[Levers], bool]) -> Levers | None:
    """The first of some levers that fit, where each holds less than the last.

    Args:
        settings: those levers.
        start: where to look first; it goes on from there in ever longer steps.
        fits: says whether they do.
    """
    low, high = 0, len(settings)  # of the first that fits; beyond the last, where none does
    index, step = start, 1
    while low < high:
        index = min(max(index, low), high - 1)
        if fits(settings[index]):
            high, index = index, index - step
        else:
            low, index = index + 1, index + step
        step *= 2
    return settings[high] if high < len(settings) else None
