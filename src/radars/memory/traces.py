"""`Traces`: what traces say of a space, each made once in a process."""

from weakref import WeakKeyDictionary

from radars.cost import PriceCache
from radars.memory.predict import StepMemory, TrainingSpec, predict
from radars.memory.prices import Prices, training_prices
from radars.memory.reserved import ReservedMemory, TrainedStep, predict_reserved
from radars.nn.memory_saving.savings import PLAIN, MemorySavings
from radars.nn.steps import StepKind
from radars.nn.supernet import Weigh
from radars.space import Architecture, SearchSpace, Subspace

Priced = tuple[tuple[str, Prices], ...]
"""Prices by place: its choice, and candidate to price."""

_Traced = tuple[TrainingSpec, Subspace, MemorySavings, type | None, StepKind | None]
_Replayed = tuple[TrainingSpec, Subspace, tuple[TrainedStep, ...], type | None]
_PricedFor = tuple[TrainingSpec, bool]  # whether channels may be split
# of every planner of a space: another search of it, or one that is resumed, traces nothing again
_memories: WeakKeyDictionary[SearchSpace, dict[_Traced, StepMemory]] = WeakKeyDictionary()
_reserved: WeakKeyDictionary[SearchSpace, dict[_Replayed, ReservedMemory]] = WeakKeyDictionary()
_prices: WeakKeyDictionary[SearchSpace, dict[_PricedFor, Priced]] = WeakKeyDictionary()


class Traces:
    """What traces say of one space and one kind of batch.

    Args:
        space: the search space.
        spec: batch, optimizers, precision.
        price_cache: where prices are kept from one process to the next; None to trace them.
    """

    def __init__(
        self, space: SearchSpace, spec: TrainingSpec, price_cache: PriceCache | None = None
    ) -> None:
        self._space = space
        self._spec = spec
        self._price_cache = price_cache

    def prices(self, savings: MemorySavings = PLAIN) -> Priced:
        """What each candidate adds; what is spared by splitting channels where that is a saving."""
        split_channels = savings.split_channels > 0
        known = _prices.setdefault(self._space, {})
        key = self._spec, split_channels
        if key not in known:
            known[key] = training_prices(
                self._space, self._spec, self._price_cache, split_channels=split_channels
            )
        return known[key]

    def step(
        self,
        live: Subspace | Architecture,
        savings: MemorySavings = PLAIN,
        weigh: Weigh | None = None,
        kind: StepKind | None = None,
    ) -> StepMemory:
        """What a training step holds; see `Forecast.predict`."""
        subspace = live.as_subspace()
        known = _memories.setdefault(self._space, {})
        if weigh is not None:
            kind = StepKind.ARCHITECTURE
        key = self._spec, subspace, savings, None if weigh is None else type(weigh), kind
        if key not in known:
            kinds = None if kind is None else (kind,)
            memory = predict(
                self._space, subspace, self._spec, kinds=kinds, savings=savings, weigh=weigh
            )
            known[key] = known[*key[:-1], memory.kind] = memory
        return known[key]

    def reserved(
        self,
        live: Subspace | Architecture,
        steps: tuple[TrainedStep, ...],
        weigh: Weigh | None = None,
    ) -> ReservedMemory:
        """What CUDA's allocator reserves while steps are run in turn; see `predict_reserved`."""
        subspace = live.as_subspace()
        known = _reserved.setdefault(self._space, {})
        key = self._spec, subspace, steps, None if weigh is None else type(weigh)
        if key not in known:
            known[key] = predict_reserved(self._space, subspace, self._spec, steps, weigh)
        return known[key]
