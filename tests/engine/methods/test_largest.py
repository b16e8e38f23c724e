from itertools import product
from typing import Any

import pytest
from tests.tiny import quick_config, tiny_data
from torch import nn

from radars.cost import CostTable
from radars.engine import largest_allowed
from radars.engine.context import SearchContext
from radars.engine.given import Given
from radars.engine.largest_allowed import large, largest
from radars.engine.problem import SearchProblem
from radars.engine.run import run_search
from radars.space import Architecture, Choose, SearchSpace


def widths_network(choose: Choose) -> nn.Module:
    """Three blocks; the wider one is, the more it computes, and holds."""

    def block(width: int) -> nn.Module:
        return nn.Sequential(nn.Conv2d(4, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, 4, 1))

    widths = {"none": nn.Identity} | {f"w{w}": lambda w=w: block(w) for w in (3, 7, 16)}
    return nn.Sequential(
        nn.Conv2d(1, 4, 1),
        *(choose(name, widths) for name in "abc"),
        nn.Flatten(),
        nn.Linear(256, 4),
    )


SPACE, DATA = SearchSpace(widths_network, name="widths", input_shape=(1, 8, 8)), tiny_data()
TABLE = CostTable.of(SPACE)
EVERY = [
    Architecture(dict(zip("abc", names, strict=True))) for names in product(*SPACE.full.values())
]
PLAIN = {"recompute": False, "selective": False, "split_channels": False}
TIGHT: dict[str, Any] = {"budget": 150_000, "memory_savings": PLAIN}


def context_of(**settings: Any) -> SearchContext:
    config = quick_config("largest", **settings)
    return SearchContext.of(SearchProblem.of(config, Given(space=SPACE, data=DATA)))


def macs(architecture: Architecture) -> int:
    return TABLE.cost(architecture).macs


@pytest.mark.parametrize("settings", [{}, {"constraints": ["parameters<=2000"]}, TIGHT])
def test_nothing_that_is_allowed_has_more_multiply_accumulates(settings: dict[str, Any]) -> None:
    context = context_of(**settings)
    found = largest(context)
    assert context.sampler.allows(found)
    larger = [known for known in EVERY if macs(known) > macs(found)]
    assert bool(larger) == bool(settings)
    assert not any(map(context.sampler.allows, larger))


def test_memory_is_paid_for_where_the_first_few_do_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    context = context_of(**TIGHT)
    monkeypatch.setattr(largest_allowed, "_MAX_LOOKED_AT", 2)
    found = largest(context)
    best = max(map(macs, filter(context.sampler.allows, EVERY)))
    assert context.sampler.allows(found)
    assert macs(found) > 0.8 * best


@pytest.mark.parametrize("settings", [{}, {"constraints": ["parameters<=2000"]}, TIGHT])
def test_in_haste_a_large_one_that_is_allowed_is_found(settings: dict[str, Any]) -> None:
    context = context_of(**settings)
    found = large(context)
    allowed = sorted(map(macs, filter(context.sampler.allows, EVERY)))
    assert context.sampler.allows(found)
    assert macs(found) > allowed[len(allowed) // 4]


def test_it_is_trained_once_and_stands_where_time_is_up() -> None:
    given = Given(space=SPACE, data=DATA)
    result = run_search(quick_config("largest"), given)
    assert macs(result.architecture) == max(map(macs, EVERY))
    assert result.validation_accuracy is not None
    late = run_search(quick_config("largest", max_minutes=1e-9), given)
    assert (late.status, late.architecture) == ("exceeded_time", result.architecture)
