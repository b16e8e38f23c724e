"""`Knapsack`: which candidates of a subspace are kept, where not all can be.

Keep what the policy prefers in each choice, then the most of its probability. Pay in predicted
bytes, and in multiply-accumulates, as a supernet step costs the sum of its candidates, where a path
costs one a choice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import LinearConstraint

from radars.cost import CostTable, solve
from radars.memory.prices import Price
from radars.nn.memory_saving.savings import PLAIN, MemorySavings
from radars.space import Architecture, SearchSpace, Subspace


def largest_path_macs(space: SearchSpace, costs: CostTable) -> int:
    """The multiply-accumulates of the candidates of the architecture that has most."""
    return sum(
        max(costs.candidates[choice][name].macs for name in names)
        for choice, names in space.full.items()
    )


@dataclass(frozen=True)
class Knapsack:
    """Fills a step with candidates, as an integer program.

    Attributes:
        space: the search space.
        prices: choice to candidate to what it adds to the memory of a step.
        costs: what it adds to the time of one.
        max_cost_ratio: the most multiply-accumulates of the kept candidates together, as a multiple
            of the largest path's; None for no limit.
    """

    space: SearchSpace
    prices: Mapping[str, Mapping[str, Price]]
    costs: CostTable
    max_cost_ratio: float | None

    def expected_bytes(self, live: Subspace | Architecture, savings: MemorySavings) -> float:
        """What candidates add by prices: what stays of all, and what passes of the dearest."""
        live = live.as_subspace()
        prices = [self.prices[choice][name] for choice, names in live.items() for name in names]
        return sum(price.staying(savings) for price in prices) + max(
            price.passing(savings) for price in prices
        )

    def filled(
        self,
        preferences: Mapping[str, Mapping[str, float]],
        within: Subspace,
        smallest: Architecture,
        savings: MemorySavings = PLAIN,
        room_bytes: float | None = None,
    ) -> Subspace:
        """The candidates that are kept: one of each choice at least.

        Args:
            preferences: choice to candidate to its probability. What is preferred in a choice is
                kept before anything else, so that a choice is not left to what costs least.
            within: the candidates to choose from.
            smallest: the architecture of `within` with the least expected memory. It is kept where
                the space has rules, so that what is kept holds an architecture; or where nothing
                else can be.
            savings: what trades time for memory.
            room_bytes: the most that may be added to the memory of the smallest; None for no limit.
        """
        if room_bytes is None and self.max_cost_ratio is None:
            return within
        pairs = [(choice, name) for choice, names in within.items() for name in names]
        # the variables: whether each candidate is kept; the bytes that the dearest of them passes
        one_each = np.array([[float(c == choice) for c, _ in pairs] + [0.0] for choice in within])
        least = np.zeros(len(pairs) + 1)
        if self.space.rules:
            least[:-1] = [float(smallest[c] == n) for c, n in pairs]
        rows = [LinearConstraint(one_each, 1, np.inf)]
        if self.max_cost_ratio is not None:
            macs = np.array([self.costs.candidates[c][n].macs for c, n in pairs] + [0], dtype=float)
            room = max(self.max_cost_ratio * largest_path_macs(self.space, self.costs), 1.0)
            rows.append(LinearConstraint(macs[None] / room, -np.inf, 1.0))
        largest = 0.0
        if room_bytes is not None:
            room = max(room_bytes + self.expected_bytes(smallest, savings), 1.0)
            prices = [self.prices[c][n] for c, n in pairs]
            staying = np.array([p.staying(savings) for p in prices] + [room], dtype=float) / room
            passing = np.array([p.passing(savings) for p in prices], dtype=float) / room
            within_largest = np.column_stack([np.diag(passing), -np.ones(len(pairs))])
            rows.append(LinearConstraint(staying[None], -np.inf, 1.0))
            rows.append(LinearConstraint(within_largest, -np.inf, 0.0))
            largest = max(1.0, float(passing.max()))
        solution = solve(
            -np.array([_worth(preferences[c], within[c], n) for c, n in pairs] + [0.0]),
            rows,
            integrality=[1] * len(pairs) + [0],
            least=least,
            most=[1.0] * len(pairs) + [largest],
        )
        if solution is None:
            return smallest.as_subspace()
        taken = np.round(solution[:-1])
        kept = [pair for pair, x in zip(pairs, taken, strict=True) if x > 0]
        return Subspace({choice: [n for c, n in kept if c == choice] for choice in within})


def _worth(preferences: Mapping[str, float], names: Sequence[str], name: str) -> float:
    """The probability; that of the likeliest of the names by as much more as all have together."""
    known = [preferences[other] for other in names]
    is_first = name == names[known.index(max(known))] and max(known) > min(known)
    return preferences[name] + float(is_first)
