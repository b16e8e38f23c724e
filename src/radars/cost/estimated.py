"""`estimated_sum`: a cost that only whole networks have, by one that is counted."""

from radars.cost.cheapest import cheapest
from radars.cost.cost_table import CostTable
from radars.cost.learn_terms import learn_terms
from radars.cost.metric import Additive, Term
from radars.space import Architecture, SearchSpace


def extremes(space: SearchSpace, input_shape: tuple[int, ...]) -> tuple[Architecture, Architecture]:
    """The architecture with the fewest multiply-accumulates, and one of the largest.

    Args:
        space: not modular.
        input_shape: of one example, without the batch.
    """
    macs = CostTable.of(space, input_shape).metric("macs")
    least = cheapest(macs, space.full, rules=space.rules, conditions=space.conditions)
    assert least is not None
    return least, learn_terms(space, input_shape).largest


def estimated_sum(
    space: SearchSpace,
    input_shape: tuple[int, ...],
    smallest: float,
    largest: float,
    by: str = "macs",
) -> Additive:
    """A cost that grows evenly with a counted one, from the smallest to the largest architecture.

    Args:
        space: not modular.
        input_shape: of one example, without the batch.
        smallest: the cost of the first of `extremes`.
        largest: of the second.
        by: the counted cost.
    """
    counted = CostTable.of(space, input_shape).metric(by).sums[0]
    low, high = map(counted.of, extremes(space, input_shape))
    slope = max(largest - smallest, 0.0) / (high - low) if high > low else 0.0
    terms = tuple(
        Term(term.choices, {key: slope * number for key, number in term.numbers.items()})
        for term in counted.terms
    )
    return Additive(smallest - slope * low, counted.candidates, terms)
