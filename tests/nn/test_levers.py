from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radars.nn.levers import PLAIN, Levers, extra_time, lever_settings

FRACTIONS = "selective", "recompute"
SIZES = st.lists(st.integers(0, 50), min_size=1, max_size=30)


def is_on(lever: str, levers: Levers, sizes: list[int]) -> list[list[bool]]:
    return [[bool(getattr(own, lever)) for own in at] for at in levers.of_candidates(sizes)]


def on(lever: str, part: float) -> Levers:
    changed: dict[str, Any] = {lever: part}
    return replace(PLAIN, **changed)


@pytest.mark.parametrize("lever", FRACTIONS)
def test_it_is_on_in_the_first_mixtures_and_some_candidates_of_the_next(lever: str) -> None:
    assert is_on(lever, on(lever, 0.5), [2, 4, 1]) == [
        [True, True],
        [True, True, False, False],
        [False],
    ]
    assert is_on(lever, on(lever, 0.25), [7]) == [[True, True] + 5 * [False]]


@given(SIZES, st.booleans(), st.booleans())
def test_more_and_more_is_on_from_nothing_to_everything(
    sizes: list[int], recompute: bool, selective: bool
) -> None:
    allowed = list(
        lever_settings(recompute=recompute, selective=selective, max_micro_batches=1, batch_size=8)
    )
    for lever, is_allowed in zip(FRACTIONS, (selective, recompute), strict=True):
        counts = [sum(map(sum, is_on(lever, levers, sizes))) for levers in allowed]
        assert counts == sorted(counts)
        assert is_on(lever, PLAIN, sizes) == [size * [False] for size in sizes]
        assert counts[0] == 0
        assert counts[-1] == sum(sizes) * is_allowed


@given(st.sampled_from(FRACTIONS), st.floats(0, 1), SIZES)
def test_the_fraction_is_that_of_the_mixtures(
    lever: str, fraction: float, sizes: list[int]
) -> None:
    parts = [
        sum(mixture) / len(mixture) if mixture else None
        for mixture in is_on(lever, on(lever, fraction), sizes)
    ]
    whole = int(fraction * len(sizes))
    assert all(part == 1 for part in parts[:whole] if part is not None)
    assert not any(parts[whole + 1 :])
    if whole < len(sizes) and parts[whole] is not None:
        assert parts[whole] == pytest.approx(fraction * len(sizes) - whole, abs=0.51 / sizes[whole])


def test_what_is_cheap_takes_less_time_than_the_rest() -> None:
    assert extra_time(again=0.0, cheap=0.0) == 0.0
    half, all_ = (extra_time(again=0.0, cheap=part) for part in (0.5, 1.0))
    assert 0.0 < half < all_ < extra_time(again=0.5, cheap=0.0)
    assert extra_time(again=1.0, cheap=0.0) == 0.2


def test_only_what_is_recomputed_is_run_in_parts_of_its_channels() -> None:
    assert Levers(split_channels=1.0).extra_passes == 0
    assert Levers(recompute=1.0).extra_passes == 1
    assert Levers(recompute=1.0, split_channels=1.0).extra_passes == 2
