import pytest
from hypothesis import given
from hypothesis import strategies as st

from radars.nn.levers import PLAIN, Levers, lever_settings

SIZES = st.lists(st.integers(0, 50), min_size=1, max_size=30)


def recomputed(levers: Levers, sizes: list[int]) -> list[list[bool]]:
    return [[bool(own.recompute) for own in mixture] for mixture in levers.of_candidates(sizes)]


def test_the_first_mixtures_are_recomputed_and_some_candidates_of_the_next() -> None:
    assert recomputed(Levers(recompute=0.5), [2, 4, 1]) == [
        [True, True],
        [True, True, False, False],
        [False],
    ]
    assert recomputed(Levers(recompute=0.25), [7]) == [[True, True] + 5 * [False]]


@given(SIZES)
def test_more_and_more_is_recomputed_from_nothing_to_everything(sizes: list[int]) -> None:
    allowed = list(
        lever_settings(recompute=True, selective=False, max_micro_batches=1, batch_size=8)
    )
    counts = [sum(map(sum, recomputed(levers, sizes))) for levers in allowed]
    assert counts == sorted(counts)
    assert recomputed(PLAIN, sizes) == [size * [False] for size in sizes]
    assert counts[0] == 0
    assert counts[-1] == sum(sizes)


@given(st.floats(0, 1), SIZES)
def test_the_fraction_is_that_of_the_mixtures(fraction: float, sizes: list[int]) -> None:
    parts = [
        sum(mixture) / len(mixture) if mixture else None
        for mixture in recomputed(Levers(recompute=fraction), sizes)
    ]
    whole = int(fraction * len(sizes))
    assert all(part == 1 for part in parts[:whole] if part is not None)
    assert not any(parts[whole + 1 :])
    if whole < len(sizes) and parts[whole] is not None:
        assert parts[whole] == pytest.approx(fraction * len(sizes) - whole, abs=0.51 / sizes[whole])


def test_what_is_cheap_takes_time_where_the_rest_is_kept() -> None:
    assert Levers().extra_time(0.0) == 0.0
    assert 0.0 < Levers(selective=True).extra_time(0.0) < 0.05
    half, all_ = (Levers(recompute=part, selective=True) for part in (0.5, 1.0))
    assert 0.1 < half.extra_time(0.5) < 0.15
    assert all_.extra_time(1.0) == 0.2


def test_only_what_is_recomputed_is_run_in_parts_of_its_channels() -> None:
    assert Levers(split_channels=1.0).extra_passes == 0
    assert Levers(recompute=1.0).extra_passes == 1
    assert Levers(recompute=1.0, split_channels=1.0).extra_passes == 2
