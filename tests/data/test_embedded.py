import sys

import pytest
from sklearn.datasets import load_digits

from radars.data import DataConfig, embedded, load_data


def test_digits() -> None:
    data = load_data(DataConfig(), seed=0)
    assert data.num_classes == 10
    assert data.class_names == tuple("0123456789")
    assert data.input_shape == (1, 8, 8)
    assert (len(data.train), len(data.validation), len(data.test.open())) == (719, 719, 359)


def test_digits_use_the_whole_range() -> None:
    data = load_data(DataConfig(), seed=0)
    example_B = next(data.train.evaluation_batches(719)).example_B
    mean_C, std_C, _ = data.normalisation
    assert abs(float((example_B * std_C + mean_C).min())) < 1e-6
    assert abs(float((example_B * std_C + mean_C).max()) - 1) < 1e-6


@pytest.mark.parametrize("is_found", [True, False])
def test_digits_are_those_of_scikit_learn_which_is_imported_where_its_file_is_elsewhere(
    is_found: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = load_digits()
    if is_found:
        monkeypatch.setitem(sys.modules, "sklearn.datasets", None)  # an import would fail
    else:
        monkeypatch.setattr(embedded, "find_spec", lambda name: None)
    value_NP = embedded._values()
    assert (value_NP[:, :-1] == known.data).all()
    assert (value_NP[:, -1] == known.target).all()
