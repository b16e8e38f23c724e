"""`BudgetedForecast`: what counts against a budget: what tensors hold, or what is reserved.

With `hard_cap` CUDA's allocator refuses what it would have to reserve beyond the budget. Segments
count there, not tensors, so that plans go by what the allocator is expected to reserve.
"""

from functools import cached_property

from radars.cost import PriceCache
from radars.memory.forecast import Forecast
from radars.memory.plan import Plan
from radars.memory.predict import TrainingSpec
from radars.nn.memory_saving.savings import PLAIN, MemorySavings
from radars.nn.steps import StepKind
from radars.nn.supernet import Weigh
from radars.space import Architecture, SearchSpace, Subspace


class BudgetedForecast(Forecast):
    """A forecast that knows the budget.

    Attributes:
        budget_bytes: the most that a training step may hold; under a cap, may have reserved.

    Args: as for `SubspacePlanner`.
    """

    def __init__(
        self,
        space: SearchSpace,
        spec: TrainingSpec,
        budget_bytes: int,
        price_cache: PriceCache | None = None,
    ) -> None:
        super().__init__(space, spec, price_cache)
        self.budget_bytes = budget_bytes

    def tighten(self, budget_bytes: int) -> None:
        """Plans within less from now on, as the device has less than was thought."""
        self.budget_bytes = min(self.budget_bytes, budget_bytes)

    def counted_bytes(
        self,
        live: Subspace | Architecture,
        savings: MemorySavings = PLAIN,
        weigh: Weigh | None = None,
        kind: StepKind | None = None,
    ) -> int:
        """What training a subspace or a path counts, by an exact trace.

        Args: as for `predict`.
        """
        held_bytes = self.predict(live, savings, weigh, kind).peak_bytes
        if not self.spec.counts_reserved:
            return held_bytes
        kinds = self.spec.training_kinds if kind is None else (kind,)
        if weigh is not None:
            kinds = (StepKind.ARCHITECTURE,)
        reserved = self.traces.reserved(live, tuple((each, savings) for each in kinds), weigh)
        return max(held_bytes, reserved.reserved_bytes)

    def reserved_bytes(self, plan: Plan) -> int:
        """What CUDA's allocator is expected to reserve while a plan's steps are run in turn."""
        steps = tuple((kind, plan.savings_of(kind)) for kind in self.spec.training_kinds)
        return self.traces.reserved(plan.subspace, steps).reserved_bytes

    def path_reserved_bytes(self, path: Architecture) -> int:
        """What CUDA's allocator is expected to reserve for one path, without savings."""
        return self.traces.reserved(path, ((StepKind.WEIGHTS, PLAIN),)).reserved_bytes

    @property
    def tensor_budget_bytes(self) -> int:
        """What tensors may hold by prices, which say nothing of what is reserved.

        It is the budget or, under a cap, a part of it: more is taken to be reserved by the same
        ratio as on the smallest or the largest path.
        """
        if not self.spec.counts_reserved:
            return self.budget_bytes
        return int(self.budget_bytes / self._reserved_ratio)

    @cached_property
    def _reserved_ratio(self) -> float:
        paths = self.smallest_path(), self.largest_path()
        return max(
            self.path_reserved_bytes(path) / self.traces.step(path).peak_bytes for path in paths
        )
