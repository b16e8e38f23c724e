"""`Forecast`: what training a subspace needs, by prices in a moment, and by an exact trace."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property

from radars.cost import CostTable, PriceCache
from radars.memory.corrections import Corrections
from radars.memory.knapsack import largest_path_macs
from radars.memory.predict import StepMemory, TrainingSpec
from radars.memory.prices import Price, extra_prices, held_bytes
from radars.memory.traces import Traces
from radars.nn.memory_saving.savings import PLAIN, MemorySavings, extra_time
from radars.nn.steps import StepKind
from radars.nn.supernet import Weigh
from radars.space import Architecture, SearchSpace, Subspace

_MAX_TRACED = 400  # candidates; beyond that an exact trace takes more than ten seconds


class Forecast:
    """What training takes for one space and one kind of batch, in bytes and multiply-accumulates.

    Attributes:
        traces: what is known without measuring.
        corrections: what measured steps have taught, by which all that is predicted is corrected.

    Args:
        space: the search space.
        spec: batch, optimizers, precision.
        price_cache: where prices are kept from one process to the next; None to trace them.
    """

    def __init__(
        self, space: SearchSpace, spec: TrainingSpec, price_cache: PriceCache | None = None
    ) -> None:
        self.space = space
        self.spec = spec
        self.traces = Traces(space, spec, price_cache)
        self._expected_of_paths: dict[tuple[Architecture, tuple[object, ...]], int] = {}
        self._held_by_smallest: dict[MemorySavings, float] = {}
        self.corrections = Corrections()

    @cached_property
    def prices(self) -> Mapping[str, Mapping[str, Price]]:
        """What each candidate adds to the memory of a step, over all its places."""
        return self._summed_prices(PLAIN)

    @cached_property
    def path_bytes(self) -> dict[str, dict[str, int]]:
        """What each candidate adds to the memory of training a path."""
        return {
            choice: {name: price.resident + price.saved for name, price in by_name.items()}
            for choice, by_name in self.prices.items()
        }

    def _summed_prices(self, savings: MemorySavings) -> dict[str, dict[str, Price]]:
        """Prices by choice, over all its places."""
        prices: dict[tuple[str, str], Price] = {}
        for choice, by_name in self.traces.prices(savings):
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

    def _extreme_path(self, within: Subspace | None, sign: int) -> Architecture:
        within = within or self.space.full
        scores = {
            choice: {name: -sign * self.path_bytes[choice][name] for name in names}
            for choice, names in within.items()
        }
        return self.space.best(scores, within)

    def predict(
        self,
        subspace: Subspace | Architecture,
        savings: MemorySavings = PLAIN,
        weigh: Weigh | None = None,
        kind: StepKind | None = None,
    ) -> StepMemory:
        """The memory of training a subspace or a path, by an exact trace; once in a process.

        Args:
            subspace: what is live.
            savings: what trades time for memory.
            weigh: for that of an architecture step whose weights it makes; what it holds is taken
                to depend on its type alone.
            kind: the kind of step; None for the dearest.
        """
        subspace = subspace.as_subspace()
        memory = self.traces.step(subspace, savings, weigh, kind)
        corrected = self.corrections.corrected(memory.peak_bytes, subspace, savings)
        return memory.with_peak(corrected)

    def heed(self, live: Subspace, savings: MemorySavings, held_bytes: int) -> None:
        """Corrects what is predicted, as a step held more than that.

        Args:
            live: the candidates that it ran. Each is run alone once more, to see which it was.
            savings: those of the step.
            held_bytes: what it held.
        """
        corrections = self.corrections
        new = {
            choice: [name for name in names if f"{choice}/{name}" not in corrections.extra]
            for choice, names in live.items()
        }
        if self.space.is_modular and any(new.values()):
            corrections.extra |= extra_prices(self.space, self.spec, new)
        known_bytes = self.predict(live, savings).peak_bytes
        if held_bytes > known_bytes:
            corrections.ratio *= held_bytes / known_bytes

    def expected_path_bytes(self, architecture: Architecture) -> int:
        """The memory of training one path by prices: quick, and a little on the high side."""
        key = architecture, self.corrections.key
        if key not in self._expected_of_paths:
            self._expected_of_paths[key] = self._expected_path_bytes(architecture)
        return self._expected_of_paths[key]

    def _expected_path_bytes(self, architecture: Architecture) -> int:
        smallest = self.smallest_path()
        kept = sum(
            self.path_bytes[choice][name] - self.path_bytes[choice][smallest[choice]]
            for choice, name in architecture.items()
        )
        # the peak may be behind the last place, where all that is saved is there
        live = architecture.as_subspace()
        by_sum = self.traces.step(smallest).peak_bytes + kept
        return max(
            self.corrections.corrected(by_sum, live, PLAIN), round(self.expected_bytes(live))
        )

    def expected_bytes(
        self, subspace: Subspace, savings: MemorySavings = PLAIN, weigh: Weigh | None = None
    ) -> float:
        """The memory of training a subspace by prices: quick, and within some per cent.

        Args: as for `predict`.
        """
        smallest, prices = self._smallest.as_subspace(), self.traces.prices(savings)
        traced = replace(  # once for all parts
            savings,
            selective=float(savings.selective > 0),
            recompute=float(savings.recompute > 0),
        )
        if traced not in self._held_by_smallest:
            self._held_by_smallest[traced] = held_bytes(prices, smallest, traced)
        more_bytes = held_bytes(prices, subspace, savings) - self._held_by_smallest[traced]
        expected_bytes = self.traces.step(smallest, traced, weigh).peak_bytes + more_bytes
        return self.corrections.corrected(expected_bytes, subspace, savings)

    @cached_property
    def full_supernet_bytes(self) -> int:
        """The memory of training the plain supernet of the whole space: what DARTS needs.

        By prices where there are very many candidates, as no plan keeps them all.
        """
        if self._is_long(self.space.full):
            return round(self.expected_bytes(self.space.full))
        return self.predict(self.space.full).peak_bytes

    def _is_long(self, subspace: Subspace) -> bool:
        """Whether an exact trace takes a while, and more than twice as long with some savings."""
        return subspace.num_candidates > _MAX_TRACED

    def _extra_time(self, subspace: Subspace, savings: MemorySavings) -> float:
        """What savings are expected to add to a step, as a part of an iteration without them."""
        places = self.traces.prices()
        num_places = Counter(choice for choice, _ in places)
        macs, again, saved, cheap = float(self.costs.fixed.macs), 0.0, 0.0, 0.0
        savings_at = savings.of_candidates([len(subspace[choice]) for choice, _ in places])
        for (choice, prices), own_savings in zip(places, savings_at, strict=True):
            for name, own in zip(subspace[choice], own_savings, strict=True):
                own_macs = self.costs.candidates[choice][name].macs / num_places[choice]
                own_saved = prices[name].saved
                macs += own_macs
                saved += own_saved
                again += own_macs * own.extra_passes
                cheap += own_saved * (own.selective and not own.recompute)
        return extra_time(again / macs if macs else 0.0, cheap / saved if saved else 0.0)
