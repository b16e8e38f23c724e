"""Which combinations of candidates some architecture has."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from tests.tiny import sized_space
from torch import nn

from radars.cost.combinations import combinations, needs_of
from radars.cost.metric import ABSENT
from radars.errors import SpaceError
from radars.space import Choose, SearchSpace

SPACE = sized_space()


def every(taken: Mapping[str, Any], index: int = 0) -> Iterator[Mapping[str, Any]]:
    if index == len(SPACE.choices):
        yield taken
        return
    choice = SPACE.choices[index]
    made = SPACE.conditions.is_made(choice.name, taken)
    for extra in [{choice.name: c} for c in choice.candidates] if made else [{}]:
        yield from every({**taken, **extra}, index + 1)


@pytest.mark.parametrize(
    "choices",
    [
        (),
        ("first",),
        ("depth", "block1"),
        ("depth", "kernel1"),
        ("second", "block0", "kernel0"),
        ("kernel0", "kernel1"),
    ],
)
def test_they_are_those_of_all_architectures(choices: tuple[str, ...]) -> None:
    found = list(combinations(SPACE, choices))
    expected = {tuple(known.get(choice, ABSENT) for choice in choices) for known in every({})}
    assert set(found) == expected
    assert len(found) == len(expected)


def test_what_is_needed_for_one_has_it() -> None:
    needs = needs_of(SPACE, ("block0", "kernel1"), ("mb2", 5))
    assert needs == {"kernel1": 5, "block0": "mb2", "block1": "conv", "depth": 2}
    assert needs_of(SPACE, ("depth", "kernel1"), (1, 5)) is None
    assert needs_of(SPACE, ("kernel1",), (ABSENT,)) is not None


def test_too_many_are_refused() -> None:
    def wide(choose: Choose) -> nn.Module:
        sizes = [choose(f"size{index}", list(range(1, 11))) for index in range(4)]
        return nn.Linear(1, sum(sizes))

    space = SearchSpace(wide)
    with pytest.raises(SpaceError, match="depends on size0, size1, size2, size3"):
        list(combinations(space, tuple(space.full)))
