import itertools

import pytest
from tests.tiny import tiny_space

from radars.cost import Additive, Constraint, CostTable, Metric
from radars.cost.cheapest import cheapest
from radars.memory import inference_memory
from radars.space import Architecture

SPACE = tiny_space()
FULL = SPACE.full
COUNTED = CostTable.of(SPACE)
TABLE = CostTable(COUNTED.fixed, COUNTED.candidates, {"memory": inference_memory(SPACE, (1, 8, 8))})
ALL = [
    Architecture(dict(zip(FULL, names, strict=True))) for names in itertools.product(*FULL.values())
]


@pytest.mark.parametrize("name", ["macs", "parameters", "memory"])
def test_the_cheapest_is_that_of_an_exhaustive_search(name: str) -> None:
    metric = TABLE.metric(name)
    found = cheapest(metric, FULL)
    assert found is not None
    assert metric.of(found) == min(map(metric.of, ALL))


def test_bounds_on_other_costs_are_kept() -> None:
    # what is small here is large there
    candidates = {c: {"none": 2.0, "conv3": 1.0, "mb2": 0.0} for c in FULL}
    metric = Metric((Additive(0.5, candidates),))
    for held_bytes in sorted({TABLE.metric("memory").of(architecture) for architecture in ALL}):
        bound = Constraint("memory", held_bytes), TABLE.metric("memory")
        found = cheapest(metric, FULL, [bound])
        assert found is not None
        allowed = [a for a in ALL if TABLE.metric("memory").of(a) <= held_bytes]
        assert found in allowed
        assert metric.of(found) == min(map(metric.of, allowed))


def test_there_is_none_where_bounds_allow_none() -> None:
    macs = TABLE.metric("macs")
    assert cheapest(TABLE.metric("memory"), FULL, [(Constraint("macs", 1.0), macs)]) is None
