"""Draws within bounds where every cost is a sum over single choices."""

import itertools

import pytest

from radars.cost import Additive
from radars.cost.plain_draw import PlainCosts, PlainDraw
from radars.space import Keep, Subspace

FULL = Subspace({"a": ("none", "x", "y"), "b": ("none", "x", "y"), "c": ("none", "x", "y")})
COST = Additive(10.0, {choice: {"none": 0.0, "x": 2.0, "y": 5.0} for choice in FULL})
EVERY = [dict(zip(FULL, names, strict=True)) for names in itertools.product(*FULL.values())]


@pytest.mark.parametrize("limit", [10.0, 14.0, 17.0, 25.0])
def test_with_one_bound_those_are_allowed_that_can_be_completed(limit: float) -> None:
    costs = PlainCosts.of(FULL, [(COST, limit)], [])
    within = [known for known in EVERY if COST.of(known) <= limit]
    for architecture in within:
        draw = PlainDraw(FULL, costs)
        for choice in ("b", "c", "a"):
            left = [k for k in within if draw.taken.items() <= k.items()]
            assert set(draw.allowed(choice)) == {known[choice] for known in left}
            draw.take(choice, architecture[choice])
        assert draw.taken == architecture


def test_a_draw_keeps_rules_and_ends_where_nothing_is_left() -> None:
    draw = PlainDraw(FULL, PlainCosts.of(FULL, [(COST, 15.0)], [Keep(("a", "b", "c"), 2)]))
    assert draw.allowed("a") == FULL["a"]  # with two bounds it may be more than can be completed
    draw.take("a", "none")
    assert draw.allowed("b") == ("x", "y")
    draw.take("b", "y")
    assert draw.allowed("c") == ()
