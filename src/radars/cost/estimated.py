"""`estimated_sum`: a cost that only whole networks have, by their multiply-accumulates."""

from radars.cost.architecture_program import ArchitectureProgram
from radars.cost.cost_table import CostTable
from radars.cost.metric import Additive, Term
from radars.example import InputShape
from radars.space import Architecture, SearchSpace


def extremes(space: SearchSpace, input_shape: InputShape) -> tuple[Architecture, Architecture]:
    """The architectures with the fewest and with the most multiply-accumulates.

    Args:
        space: the search space.
        input_shape: the shape of one example, without the batch.
    """
    [macs] = CostTable.of(space, input_shape).metric("macs").sums
    if space.is_modular:
        least, most = (
            space.best({c: {n: sign * of[n] for n in of} for c, of in macs.candidates.items()})
            for sign in (-1, 1)
        )
        return least, most
    program = ArchitectureProgram(space.full, [macs], space.conditions)
    program.keep(space.rules)
    found = program.solve(program.row(macs)), program.solve(-program.row(macs))
    assert found[0] is not None
    assert found[1] is not None
    return found[0], found[1]


def estimated_sum(
    space: SearchSpace, input_shape: InputShape, smallest: float, largest: float
) -> Additive:
    """A cost that grows evenly with multiply-accumulates.

    Args:
        space: not modular.
        input_shape: the shape of one example, without the batch.
        smallest: the cost of the first of `extremes`.
        largest: the cost of the second.
    """
    [macs] = CostTable.of(space, input_shape).metric("macs").sums
    low, high = map(macs.of, extremes(space, input_shape))
    slope = max(largest - smallest, 0.0) / (high - low) if high > low else 0.0
    terms = tuple(
        Term(term.choices, {key: slope * number for key, number in term.numbers.items()})
        for term in macs.terms
    )
    return Additive(smallest - slope * low, macs.candidates, terms)
