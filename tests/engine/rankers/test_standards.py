import pytest
from hypothesis import given
from hypothesis import strategies as st

from radars.engine import SelectConfig
from radars.engine.rankers.standards import Standard, Standards
from radars.engine.rankers.zero_cost_scores import Untrained

ACCURACIES = [0.1, 0.2, 0.6]
UNTRAINED = [Untrained(5.0, 1.0, 3.0), Untrained(4.0, 1.0, 2.0), Untrained(9.0, 1.0, 1.0)]
STANDARDS = Standards.of(ACCURACIES, UNTRAINED)


def config(regions: float = 0.0, size: float = 0.0, expressivity: float = 0.0) -> SelectConfig:
    return SelectConfig(regions_weight=regions, size_weight=size, expressivity_weight=expressivity)


def test_standard_scores_are_those_among_the_draws() -> None:
    standard = Standard.of([1.0, 2.0, 3.0])
    assert [standard.score(value) for value in (1.0, 2.0, 3.0, 4.0)] == pytest.approx(
        [-1.2247, 0.0, 1.2247, 2.4495], abs=1e-4
    )
    assert Standard.of([0.5, 0.5]).score(0.7) == 0.0
    assert Standard.of([0.5]).score(0.7) == 0.0


def test_a_standing_is_the_weighted_sum_of_standard_scores() -> None:
    def stand(weights: SelectConfig) -> list[float]:
        return STANDARDS.standings(ACCURACIES, UNTRAINED, weights)

    accuracies, regions, expressivity = (
        [Standard.of(said).score(value) for value in said]
        for said in (ACCURACIES, [5.0, 4.0, 9.0], [3.0, 2.0, 1.0])
    )
    assert stand(config()) == pytest.approx(accuracies)
    both = [a + 2 * r for a, r in zip(accuracies, regions, strict=True)]
    assert stand(config(regions=2.0)) == pytest.approx(both)
    assert stand(config(regions=2.0, size=7.0)) == pytest.approx(both)  # all are of one size
    assert STANDARDS.standings(ACCURACIES, UNTRAINED, config(regions=2.0), 3.0) == pytest.approx(
        [b + 2 * a for a, b in zip(accuracies, both, strict=True)]
    )
    three = [b + 4 * e for b, e in zip(both, expressivity, strict=True)]
    assert stand(config(regions=2.0, expressivity=4.0)) == pytest.approx(three)
    smaller = [known._replace(size=known.size - 1) for known in UNTRAINED]
    of_sizes = Standards.of(2 * ACCURACIES, UNTRAINED + smaller)
    large, small = (
        of_sizes.standings(ACCURACIES, known, config(size=1.0)) for known in (UNTRAINED, smaller)
    )
    assert [a - b for a, b in zip(large, small, strict=True)] == pytest.approx([2.0] * 3)


@given(st.integers(0, 2))
def test_who_else_is_there_changes_nothing(left_out: int) -> None:
    weights = config(2.0, 1.0, 1.0)
    together = STANDARDS.standings(ACCURACIES, UNTRAINED, weights)
    others = [index for index in range(3) if index != left_out]
    alone = STANDARDS.standings(
        [ACCURACIES[index] for index in others], [UNTRAINED[index] for index in others], weights
    )
    assert alone == [together[index] for index in others]
