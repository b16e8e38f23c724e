"""Draws of architectures, each as likely as any other."""

from collections import Counter

import pytest
import torch
from tests.tiny import sized_space

from radars.space import Keep, Subspace, UniformDraws
from radars.space.keep import num_keeping

SPACE = sized_space()
DRAWS = UniformDraws(SPACE.full, SPACE.conditions)


def test_a_candidate_has_as_many_ways_as_there_are_architectures_below_it() -> None:
    ways = SPACE.conditions.numbers(SPACE.full)
    assert ways["block1"] == {"none": 1, "conv": 2, "mb2": 1}
    assert ways["depth"] == {1: 1, 2: 4}
    assert ways["first"] == {4: 1, 2: 1}


def test_architectures_are_equally_likely_where_choices_are_made_sometimes() -> None:
    generator = torch.Generator().manual_seed(0)
    counts = Counter(DRAWS.architecture(generator) for _ in range(3000))
    assert len(counts) == SPACE.num_architectures == 80
    assert max(counts.values()) < 3000 / 80 * 2


def test_what_is_given_stays_and_the_rest_that_is_made_is_drawn() -> None:
    generator = torch.Generator().manual_seed(0)
    given = {"second": 8, "block0": "conv", "block1": "mb2"}
    drawn = {DRAWS.completed(given, generator) for _ in range(100)}
    assert all(known["second"] == 8 and known["block0"] == "conv" for known in drawn)
    assert all(known["depth"] == 1 or known["block1"] == "mb2" for known in drawn)
    assert len(drawn) == 2 * 2 * 2  # first, depth and kernel0


@pytest.mark.parametrize("number", [1, 2])
def test_rules_are_kept_by_every_draw(number: int) -> None:
    full = Subspace(dict.fromkeys("abc", ("none", "x", "y")))
    rules = (Keep(("a", "b", "c"), number),)
    draws = UniformDraws(full, rules=rules)
    generator = torch.Generator().manual_seed(0)
    drawn = {draws.architecture(generator) for _ in range(300)}
    assert len(drawn) == num_keeping(rules, full)
    assert all(rules[0].allows(architecture) for architecture in drawn)
