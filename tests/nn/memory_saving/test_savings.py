from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radars.nn.memory_saving.savings import PLAIN, MemorySavings, extra_time, saving_settings

FRACTIONS = "selective", "recompute"
SIZES = st.lists(st.integers(0, 50), min_size=1, max_size=30)


def is_on(saving: str, savings: MemorySavings, sizes: list[int]) -> list[list[bool]]:
    return [[bool(getattr(own, saving)) for own in at] for at in savings.of_candidates(sizes)]


def on(saving: str, part: float) -> MemorySavings:
    changed: dict[str, Any] = {saving: part}
    return replace(PLAIN, **changed)


@pytest.mark.parametrize("saving", FRACTIONS)
def test_it_is_on_in_the_first_mixtures_and_some_candidates_of_the_next(saving: str) -> None:
    assert is_on(saving, on(saving, 0.5), [2, 4, 1]) == [
        [True, True],
        [True, True, False, False],
        [False],
    ]
    assert is_on(saving, on(saving, 0.25), [7]) == [[True, True] + 5 * [False]]


@given(SIZES, st.booleans(), st.booleans())
def test_more_and_more_is_on_from_nothing_to_everything(
    sizes: list[int], recompute: bool, selective: bool
) -> None:
    allowed = list(
        saving_settings(recompute=recompute, selective=selective, max_micro_batches=1, batch_size=8)
    )
    for saving, is_allowed in zip(FRACTIONS, (selective, recompute), strict=True):
        counts = [sum(map(sum, is_on(saving, savings, sizes))) for savings in allowed]
        assert counts == sorted(counts)
        assert is_on(saving, PLAIN, sizes) == [size * [False] for size in sizes]
        assert counts[0] == 0
        assert counts[-1] == sum(sizes) * is_allowed


@given(st.sampled_from(FRACTIONS), st.floats(0, 1), SIZES)
def test_the_fraction_is_that_of_the_mixtures(
    saving: str, fraction: float, sizes: list[int]
) -> None:
    parts = [
        sum(mixture) / len(mixture) if mixture else None
        for mixture in is_on(saving, on(saving, fraction), sizes)
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
    assert MemorySavings(split_channels=1.0).extra_passes == 0
    assert MemorySavings(recompute=1.0).extra_passes == 1
    assert MemorySavings(recompute=1.0, split_channels=1.0).extra_passes == 2
