"""`PathPlanner`: plans for a space whose architectures are networks of their own.

One or two paths are live at a time, so the number of candidates costs nothing: what counts is the
largest path that is left. Where not even that fits, the candidates that hold the most are pruned.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

from radars.cost import learn_terms
from radars.memory.covers import Cover
from radars.memory.masked_choices import held_numbers
from radars.memory.plan import Plan
from radars.memory.planner import Planner
from radars.nn.memory_saving.savings import PLAIN, MemorySavings, extra_time
from radars.nn.supernet import Weigh
from radars.space import Architecture, Candidate, Subspace

_BYTES = 4  # of a number
_SURELY_FITS = 0.7  # of the budget: estimates of paths are not that far off


class PathPlanner(Planner):
    """See the module; used as `Planner` is. There are no prices of candidates.

    Of the savings that are allowed, it considers those that a whole network can have: that what is
    cheap is recomputed, and that batches are split.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        whole = [
            replace(each, recompute=0.0, split_channels=0.0)
            for each in self._settings
            if each.selective in (0.0, 1.0)
        ]
        self._settings = tuple(dict.fromkeys(whole))

    @cached_property
    def path_bytes(self) -> dict[str, dict[Candidate, int]]:
        """About what each candidate adds to a path that is largest elsewhere."""
        largest = learn_terms(self.space, self.spec.input_shape).largest
        last = {choice.name: choice.candidates[-1] for choice in self.space.choices}
        path_bytes: dict[str, dict[Candidate, int]] = {}
        for choice, names in self.space.full.items():
            needs = self._needed_for(choice)
            held = {
                name: self._held(self.space.made({**last, **largest, **needs, choice: name}))
                for name in names
            }
            least = min(held.values())
            path_bytes[choice] = {name: round(each - least) for name, each in held.items()}
        return path_bytes

    def _needed_for(self, choice: str) -> dict[str, Candidate]:
        """What is taken where a choice is made."""
        needs: dict[str, Candidate] = {}
        while (parent := self.space.conditions.parent(choice)) is not None:
            choice, under = parent
            needs[choice] = under[-1]
        return needs

    def _held(self, architecture: Mapping[str, Candidate]) -> float:
        return _BYTES * held_numbers(
            self.space, self.spec.input_shape, self.spec.batch_size, architecture
        )

    def expected_path_bytes(self, architecture: Architecture) -> int:
        """The memory of training a path, by what it holds between the smallest and the largest.

        Near the budget it is an exact trace.
        """
        smallest, largest = self.smallest_path(), self.largest_path()
        least, most = self.predict(smallest).peak_bytes, self.predict(largest).peak_bytes
        low, high = self._held(smallest), self._held(largest)
        part = (self._held(architecture) - low) / (high - low) if high > low else 1.0
        estimate = round(least + (most - least) * min(max(part, 0.0), 1.0))
        if most <= self.budget_bytes or estimate <= _SURELY_FITS * self.budget_bytes:
            return estimate
        return self.predict(architecture).peak_bytes

    def expected_bytes(
        self, subspace: Subspace, savings: MemorySavings = PLAIN, weigh: Weigh | None = None
    ) -> float:
        """The exact memory of training a subspace: it is that of one or two paths."""
        return self.predict(subspace, savings, weigh).peak_bytes

    def cover(self, path: Architecture) -> Cover | None:
        """None: which path holds the most is an estimate, so each is traced near the budget."""
        return None

    def cost_ratio(self, subspace: Subspace) -> float:
        """The multiply-accumulates of the largest live path, as a multiple of the largest one's."""
        of_largest = self.costs.cost(self.largest_path()).macs
        return self.costs.cost(self.largest_path(subspace)).macs / max(of_largest, 1)

    def _affordable(
        self, preferences: Mapping[str, Mapping[Candidate, float]], within: Subspace
    ) -> Subspace:
        """All of it: the number of candidates costs nothing."""
        return within

    def _pruned_to_fit(
        self, preferences: Mapping[str, Mapping[Candidate, float]], within: Subspace
    ) -> Plan:
        """The plan with the fewest of the candidates left out that hold most and are wanted least.

        Of each choice the smallest candidate stays.
        """
        smallest = self.smallest_path(within)
        best = self.plan_path(smallest)
        left_out = [
            (choice, name)
            for choice, names in within.items()
            for name in names
            if name != min(names, key=self.path_bytes[choice].__getitem__)
        ]

        def worth(pair: tuple[str, Candidate]) -> float:
            choice, name = pair
            likely = preferences.get(choice, {}).get(name, 1.0 / len(within[choice]))
            return self.path_bytes[choice][name] * (1.0 - likely)

        left_out.sort(key=worth, reverse=True)
        savings = self._settings[-1]

        def is_enough(number: int) -> bool:
            kept = _without(within, left_out[:number])
            return self._need_bytes(kept, savings) <= self.budget_bytes

        fits, too_much = len(left_out), 0  # how many are left out
        while fits - too_much > 1:
            number = (fits + too_much) // 2
            if is_enough(number):
                fits = number
            else:
                too_much = number
        return self._made(_without(within, left_out[:fits]), savings) if is_enough(fits) else best

    def _extra_time(self, subspace: Subspace, savings: MemorySavings) -> float:
        return extra_time(savings.extra_passes, savings.selective)


def _without(subspace: Subspace, left_out: list[tuple[str, Candidate]]) -> Subspace:
    return Subspace(
        {
            choice: [name for name in names if (choice, name) not in left_out]
            for choice, names in subspace.items()
        }
    )
