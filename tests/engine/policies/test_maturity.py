import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radars.engine.policies.maturity import (
    CORRELATION,
    FINAL_EPOCHS,
    deviation_after,
    gain_to_come,
    largest_deviation,
    way_learnt,
)
from radars.training.train_config import TrainConfig


@pytest.mark.parametrize("fraction", [0.01, 0.1, 0.5, 0.9])
def test_what_is_to_come_is_what_a_regression_on_random_walks_finds(fraction: float) -> None:
    luck = np.random.default_rng(0)
    ranked_N = luck.normal(size=200_000)
    steps_2N = luck.normal(size=(2, len(ranked_N))) * np.sqrt([[fraction], [1 - fraction]])
    undrifted = np.sqrt(1 - CORRELATION**2)
    now_N = CORRELATION * fraction * ranked_N + undrifted * steps_2N[0]
    end_N = CORRELATION * ranked_N + undrifted * steps_2N.sum(0)
    assert np.corrcoef(ranked_N, end_N)[0, 1] == pytest.approx(CORRELATION, abs=0.01)
    assert end_N.std() == pytest.approx(1, abs=0.01)
    assert now_N.std() == pytest.approx(deviation_after(fraction), abs=0.01)
    of_now, of_ranked = np.linalg.lstsq(np.column_stack([now_N, ranked_N]), end_N)[0]
    assert of_now == pytest.approx(1, abs=0.03)
    assert of_ranked == pytest.approx(gain_to_come(fraction, 1.0), abs=0.01)


@given(st.floats(1e-6, 1), st.floats(1e-6, 1))
def test_the_longer_the_training_the_less_is_left_for_rankers(one: float, other: float) -> None:
    less, more = sorted((one, other))
    counts = [gain_to_come(part, 1.0) / deviation_after(part) for part in (less, more)]
    assert counts[0] >= counts[1] >= 0
    assert gain_to_come(1.0, 1.0) == 0
    assert deviation_after(1.0) == 1


@given(st.floats(0, 1), st.floats(0, 1), st.integers(2, 1000))
def test_the_more_is_learnt_the_more_of_the_way_is_done(
    one: float, other: float, classes: int
) -> None:
    less, more = (way_learnt(accuracy, classes) for accuracy in sorted((one, other)))
    assert 0 <= less <= more <= 1
    assert way_learnt(1 / classes, classes) == 0
    assert way_learnt(1.0, classes) == 1


def test_what_is_half_learnt_is_little_of_the_way_and_what_is_nearly_learnt_is_most_of_it() -> None:
    assert way_learnt(0.55, 10) == pytest.approx(1 / 16)
    assert way_learnt(0.98, 10) > 0.9


@given(st.integers(2, 1000))
def test_accuracies_in_the_end_differ_by_at_most_what_lies_between_chance_and_1(
    classes: int,
) -> None:
    even_N = np.linspace(1 / classes, 1, 10_000)
    assert largest_deviation(classes) == pytest.approx(even_N.std(), rel=1e-3)


def test_the_whole_training_is_that_of_radars_train() -> None:
    assert TrainConfig.model_fields["epochs"].default == FINAL_EPOCHS
