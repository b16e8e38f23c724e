"""`SubspacePlanner`: how to train a subspace as it is within a budget: with which savings.

The cheapest that fit, by an exact trace; prices say where to look for them.
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import takewhile

from radars.cost import PriceCache
from radars.errors import BudgetError
from radars.memory.dominance import Dominating, dominating
from radars.memory.forecast import Forecast
from radars.memory.plan import Plan
from radars.memory.predict import TrainingSpec
from radars.nn.memory_saving.savings import PLAIN, MemorySavings
from radars.nn.steps import StepKind
from radars.nn.supernet import Weigh
from radars.space import Architecture, SearchSpace, Subspace
from radars.units import format_bytes


@dataclass(frozen=True)
class Cover:
    """Savings with which every path fits.

    Attributes:
        savings: what trades time for memory.
        peak_bytes: the most that a path holds with them.
    """

    savings: MemorySavings
    peak_bytes: int


_BEYOND = 1.01  # times what the dearest path holds, others hold at most: prices are no traces
_HOPELESS = 1.5  # times the budget by prices, which are not that far off


class SubspacePlanner(Forecast):
    """Plans subspaces and paths as they are, for one kind of batch and one budget.

    Args:
        space: the search space.
        spec: batch, optimizers, precision.
        budget_bytes: the most that a training step may hold.
        settings: the savings that are allowed, cheapest first.
        price_cache: where prices are kept from one process to the next; None to trace them.
    """

    def __init__(
        self,
        space: SearchSpace,
        spec: TrainingSpec,
        budget_bytes: int,
        settings: Iterable[MemorySavings] = (PLAIN, MemorySavings(recompute=1.0)),
        price_cache: PriceCache | None = None,
    ) -> None:
        super().__init__(space, spec, price_cache)
        self.budget_bytes = budget_bytes
        self._settings = tuple(settings)
        self._covers: dict[tuple[object, ...], Cover | None] = {}

    def cover(self) -> Cover | None:
        """The cheapest savings with which all paths fit, by traces of the dearest alone.

        None where there are none. It depends on the space, the budget and what was learned of
        memory, not on the paths that were asked for.
        """
        corrections = self.corrections
        key = self.budget_bytes, corrections.ratio, tuple(corrections.extra)
        if key not in self._covers:
            savings = _first(
                self._settings,
                self._expected_start(self._settings),
                self._covers_all,
            )
            covering = None if savings is None else Cover(savings, self._dearest_bytes(savings))
            self._covers[key] = covering
        return self._covers[key]

    def _covers_all(self, savings: MemorySavings) -> bool:
        """Whether all paths fit with some savings."""
        dearest = self._dominating(savings)
        expected_bytes = self.expected_bytes(dearest.path.as_subspace(), savings)
        if expected_bytes > _HOPELESS * self.budget_bytes:
            return False  # an exact trace takes a while
        return self._dearest_bytes(savings) <= self.budget_bytes

    def _dearest_bytes(self, savings: MemorySavings) -> int:
        """The most that any path holds with some savings, by an exact trace of the dearest."""
        dearest = self._dominating(savings)
        peak_bytes = self.predict(dearest.path, savings).peak_bytes + dearest.beyond_bytes
        return math.ceil(_BEYOND * peak_bytes)

    def _expected_start(self, settings: Sequence[MemorySavings]) -> int:
        """The index of those with which all paths fit by prices."""
        for index, savings in enumerate(settings):
            dearest = self._dominating(savings)
            expected_bytes = self.expected_bytes(dearest.path.as_subspace(), savings)
            if expected_bytes + dearest.beyond_bytes <= self.budget_bytes:
                return index
        return len(settings)

    def _dominating(self, savings: MemorySavings) -> Dominating:
        return dominating(self._training_prices(savings), savings, self.corrections.extra)

    def tighten(self, budget_bytes: int) -> None:
        """Plans within less from now on, as the device has less than was thought."""
        self.budget_bytes = min(self.budget_bytes, budget_bytes)

    def least_bytes(self, architecture: Architecture) -> int:
        """The exact memory of training one path with all savings that are allowed."""
        return self.predict(architecture, self._settings[-1]).peak_bytes

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

    def _first_that_fits(self, subspace: Subspace, weigh: Weigh | None = None) -> Plan | None:
        """The plan with the cheapest savings that fit."""
        settings = self._settings_for(subspace)
        if self._fits(subspace, settings[0], weigh=weigh):  # as most paths do
            return self._made(subspace, settings[0], weigh)
        plan = self._search(subspace, settings[1:], weigh)
        is_path = subspace.num_architectures == 1  # trained for too few steps to look further
        if plan is None or is_path or not plan.savings.is_split:
            return plan
        # what the other savings save may let the last mixtures be, whose maps are small
        parts = sorted({each.recompute for each in settings} - {0.0})
        less_recomputed = [replace(plan.savings, recompute=part) for part in parts]
        return self._search(subspace, less_recomputed, weigh) or plan

    def _search(
        self, subspace: Subspace, settings: Sequence[MemorySavings], weigh: Weigh | None
    ) -> Plan | None:
        """The plan with the first of some savings that fit, where each holds less than the last.

        An exact trace takes a while, so it looks first where prices say.
        """
        expected = (self.expected_bytes(subspace, savings, weigh) for savings in settings)
        fitting = (index for index, need in enumerate(expected) if need <= self.budget_bytes)
        start = next(fitting, len(settings))
        savings = _first(settings, start, partial(self._fits, subspace, weigh=weigh))
        return None if savings is None else self._made(subspace, savings, weigh)

    def _lightened(self, plan: Plan) -> Plan:
        """The plan with cheaper savings for the kind of step that fits with them."""
        subspace, kinds = plan.subspace, self.spec.training_kinds
        is_path = subspace.num_architectures == 1
        if is_path or self._is_long(subspace) or plan.savings == self._settings[0]:
            return plan
        cheaper = list(takewhile(lambda savings: savings != plan.savings, self._settings))
        for kind in sorted(kinds, key=lambda kind: kind is plan.memory.kind):  # the dearest last
            fits = partial(self._fits, subspace, kind=kind)
            first = bisect_left(cheaper, True, key=fits)
            if first == len(cheaper):
                continue
            savings = cheaper[first]
            lighter = replace(plan, lighter=(kind, savings))
            memories = [self.predict(subspace, lighter.savings_of(k), kind=k) for k in kinds]
            memory = max(memories, key=lambda memory: memory.peak_bytes)
            lighter = replace(lighter, memory=memory, time_ratio=self._time_ratio(lighter))
            if lighter.time_ratio < plan.time_ratio:
                return lighter
        return plan

    def _settings_for(self, subspace: Subspace) -> list[MemorySavings]:
        """The savings that are considered: where traces are long, for all candidates or none."""
        is_long = self._is_long(subspace)
        return [
            each
            for each in self._settings
            if not is_long or {each.selective, each.recompute} <= {0.0, 1.0}
        ]

    def _fits(
        self,
        subspace: Subspace,
        savings: MemorySavings,
        *,
        weigh: Weigh | None = None,
        kind: StepKind | None = None,
    ) -> bool:
        """Whether the dearest step fits, or that of a kind."""
        if kind is None:  # of one kind prices say little
            expected_bytes = self.expected_bytes(subspace, savings, weigh)
            if expected_bytes > _HOPELESS * self.budget_bytes:
                return False  # an exact trace takes a while
        return self.predict(subspace, savings, weigh, kind).peak_bytes <= self.budget_bytes

    def _made(self, subspace: Subspace, savings: MemorySavings, weigh: Weigh | None = None) -> Plan:
        plan = Plan(subspace, savings, self.predict(subspace, savings, weigh))
        return replace(plan, time_ratio=self._time_ratio(plan))

    def _time_ratio(self, plan: Plan) -> float:
        """The expected time of an iteration, as a multiple of that without savings."""
        of_steps = [plan.savings_of(kind) for kind in self.spec.training_kinds]
        return 1.0 + sum(self._extra_time(plan.subspace, savings) for savings in of_steps)

    def _does_not_fit(self, subspace: Subspace, weigh: Weigh | None = None) -> BudgetError:
        need_bytes = min(
            self.predict(subspace, savings, weigh).peak_bytes
            for savings in (self._settings[0], self._settings[-1])
        )
        floor, device = "", ""
        if self.spec.floor_bytes:
            floor = (
                f", of which the GPU's libraries hold {format_bytes(self.spec.floor_bytes)} by "
                f"themselves (cuBLAS; CUBLAS_WORKSPACE_CONFIG sets it)"
            )
            device = ", or take the CPU"
        return BudgetError(
            f"the smallest plan of {self.space.name!r} needs {format_bytes(need_bytes)} "
            f"({need_bytes:,} bytes) with batches of {self.spec.batch_size}{floor}, but the budget "
            f"is {format_bytes(self.budget_bytes)}; raise the budget, lower the batch size, or "
            f"raise savings.max_micro_batches{device}",
            need_bytes,
        )


def _first(
    settings: Sequence[MemorySavings], start: int, fits: Callable[[MemorySavings], bool]
) -> MemorySavings | None:
    """The first of some savings that fit, where each holds less than the last.

    Args:
        settings: those savings.
        start: where to look first; it goes on from there in ever longer steps, and halves what is
            between two that differ.
        fits: says whether they do.
    """
    low, high = 0, len(settings)  # of the first that fits; beyond the last, where none does
    index, step = start, 1
    answers = set()
    while low < high:
        index = min(max(index, low), high - 1)
        answer = fits(settings[index])
        answers.add(answer)
        if answer:
            high, index = index, index - step
        else:
            low, index = index + 1, index + step
        if len(answers) > 1:
            index = (low + high) // 2
        step *= 2
    return settings[high] if high < len(settings) else None
