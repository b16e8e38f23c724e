"""`SubspacePlanner`: how to train a subspace as it is within a budget: with which savings.

The cheapest that fit, by an exact trace; prices say where to look for them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from itertools import takewhile

from radars.cost import PriceCache
from radars.errors import BudgetError
from radars.memory.budgeted import BudgetedForecast
from radars.memory.covers import Cover, Covers
from radars.memory.first_within import HOPELESS, first_within
from radars.memory.plan import Plan
from radars.memory.predict import TrainingSpec
from radars.nn.memory_saving.savings import PLAIN, MemorySavings
from radars.nn.steps import StepKind
from radars.nn.supernet import Weigh
from radars.space import Architecture, SearchSpace, Subspace
from radars.units import format_bytes


class SubspacePlanner(BudgetedForecast):
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
        super().__init__(space, spec, budget_bytes, price_cache)
        self._settings = tuple(settings)
        self._covers = Covers(self, self._settings)
        self._fits: dict[tuple[object, Architecture], bool] = {}  # by budget and corrections

    def cover(self, path: Architecture) -> Cover | None:
        """Savings with which a path fits, and many others; see `Covers`."""
        return self._covers.of(path)

    def least_bytes(self, architecture: Architecture) -> int:
        """What training one path counts with all savings that are allowed, by an exact trace."""
        return self.counted_bytes(architecture, self._settings[-1])

    def fits(self, architecture: Architecture) -> bool:
        """Whether one path can be trained within the budget, with all that is allowed.

        It is looked at once: where little fits, the same paths are drawn over and over.
        """
        key = (self.budget_bytes, self.corrections.key), architecture
        if key not in self._fits:
            self._fits[key] = self._first_that_fits(architecture.as_subspace()) is not None
        return self._fits[key]

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
        need_bytes = self._need_bytes(subspace, settings[0], weigh=weigh)
        if need_bytes <= self.budget_bytes:  # as most paths do
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
        expected_bytes = [self.expected_bytes(subspace, savings, weigh) for savings in settings]
        need_bytes = partial(self._need_bytes, subspace, weigh=weigh)
        first = first_within(self.budget_bytes, settings, expected_bytes, need_bytes)
        return None if first is None else self._made(subspace, settings[first], weigh)

    def _lightened(self, plan: Plan) -> Plan:
        """The plan with cheaper savings for the kind of step that fits with them."""
        subspace, kinds = plan.subspace, self.spec.training_kinds
        is_path = subspace.num_architectures == 1
        if is_path or self._is_long(subspace) or plan.savings == self._settings[0]:
            return plan
        cheaper = list(takewhile(lambda savings: savings != plan.savings, self._settings))
        expected_bytes = [self.expected_bytes(subspace, savings) for savings in cheaper]
        for kind in sorted(kinds, key=lambda kind: kind is plan.memory.kind):  # the dearest last
            need_bytes = partial(self._need_bytes, subspace, kind=kind)
            first = first_within(self.budget_bytes, cheaper, expected_bytes, need_bytes)
            if first is None:
                continue
            lighter = replace(plan, lighter=(kind, cheaper[first]))
            if self.spec.counts_reserved and self.reserved_bytes(lighter) > self.budget_bytes:
                continue  # each fits alone, but not after the other
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

    def _need_bytes(
        self,
        subspace: Subspace,
        savings: MemorySavings,
        *,
        weigh: Weigh | None = None,
        kind: StepKind | None = None,
    ) -> float:
        """What the dearest step needs, or that of a kind; by prices where that is hopeless."""
        if kind is None:  # of one kind prices say little
            expected_bytes = self.expected_bytes(subspace, savings, weigh)
            if expected_bytes > HOPELESS * self.budget_bytes:
                return expected_bytes  # an exact trace takes a while
        held_bytes = self.predict(subspace, savings, weigh, kind).peak_bytes
        if held_bytes > self.budget_bytes:
            return held_bytes  # whatever is reserved
        return self.counted_bytes(subspace, savings, weigh, kind)

    def _made(self, subspace: Subspace, savings: MemorySavings, weigh: Weigh | None = None) -> Plan:
        plan = Plan(subspace, savings, self.predict(subspace, savings, weigh))
        return replace(plan, time_ratio=self._time_ratio(plan))

    def _time_ratio(self, plan: Plan) -> float:
        """The expected time of an iteration, as a multiple of that without savings."""
        of_steps = [plan.savings_of(kind) for kind in self.spec.training_kinds]
        return 1.0 + sum(self._extra_time(plan.subspace, savings) for savings in of_steps)

    def _does_not_fit(self, subspace: Subspace, weigh: Weigh | None = None) -> BudgetError:
        need_bytes = min(
            self.counted_bytes(subspace, savings, weigh)
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
            f"raise memory_savings.max_micro_batches{device}",
            need_bytes,
        )
