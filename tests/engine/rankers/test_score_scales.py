import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radars.engine.rankers.score_scales import ScoreScale, ScoreScales

ACCURACIES = [0.1, 0.2, 0.6]
SAID = [
    {"regions": 5.0, "size": 1.0, "own": 3.0},
    {"regions": 4.0, "size": 1.0, "own": 2.0},
    {"regions": 9.0, "size": 1.0, "own": 1.0},
]
SCALES = ScoreScales.of(ACCURACIES, SAID)


def weights_of(regions: float = 0.0, size: float = 0.0, own: float = 0.0) -> dict[str, float]:
    return {"regions": regions, "size": size, "own": own}


def test_standard_scores_are_those_among_the_draws() -> None:
    standard = ScoreScale.of([1.0, 2.0, 3.0])
    assert [standard.score(value) for value in (1.0, 2.0, 3.0, 4.0)] == pytest.approx(
        [-1.2247, 0.0, 1.2247, 2.4495], abs=1e-4
    )
    assert ScoreScale.of([0.5, 0.5]).score(0.7) == 0.0
    assert ScoreScale.of([0.5]).score(0.7) == 0.0


def test_a_standing_is_the_weighted_sum_of_standard_scores() -> None:
    def stand(weights: dict[str, float]) -> list[float]:
        return SCALES.combined(ACCURACIES, SAID, weights)

    accuracies, regions, own = (
        [ScoreScale.of(said).score(value) for value in said]
        for said in (ACCURACIES, [5.0, 4.0, 9.0], [3.0, 2.0, 1.0])
    )
    assert stand(weights_of()) == pytest.approx(accuracies)
    both = [a + 2 * r for a, r in zip(accuracies, regions, strict=True)]
    assert stand(weights_of(regions=2.0)) == pytest.approx(both)
    assert stand(weights_of(regions=2.0, size=7.0)) == pytest.approx(both)  # all are of one size
    assert SCALES.combined(ACCURACIES, SAID, weights_of(regions=2.0), 3.0) == pytest.approx(
        [b + 2 * a for a, b in zip(accuracies, both, strict=True)]
    )
    three = [b + 4 * e for b, e in zip(both, own, strict=True)]
    assert stand(weights_of(regions=2.0, own=4.0)) == pytest.approx(three)
    smaller = [known | {"size": known["size"] - 1} for known in SAID]
    of_sizes = ScoreScales.of(2 * ACCURACIES, SAID + smaller)
    large, small = (
        of_sizes.combined(ACCURACIES, known, weights_of(size=1.0)) for known in (SAID, smaller)
    )
    assert [a - b for a, b in zip(large, small, strict=True)] == pytest.approx([2.0] * 3)


@given(st.integers(0, 2))
def test_who_else_is_there_changes_nothing(left_out: int) -> None:
    weights = weights_of(2.0, 1.0, 1.0)
    together = SCALES.combined(ACCURACIES, SAID, weights)
    others = [index for index in range(3) if index != left_out]
    alone = SCALES.combined(
        [ACCURACIES[index] for index in others], [SAID[index] for index in others], weights
    )
    assert alone == [together[index] for index in others]


def test_standards_come_back_from_a_checkpoint() -> None:
    assert ScoreScales.of_state(json.loads(json.dumps(SCALES.state_dict()))) == SCALES
