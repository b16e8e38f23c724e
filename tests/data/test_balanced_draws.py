import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from radars.data.balanced_draws import balanced_order, divide, hold_out
from radars.data.order import seeded
from radars.errors import DataError

labels = st.lists(st.integers(0, 5), min_size=4, max_size=80).map(torch.tensor)
seeds = st.integers(0, 2**32)


@given(label_N=labels, seed=seeds)
def test_order_is_a_permutation(label_N: torch.Tensor, seed: int) -> None:
    order_N = balanced_order(label_N, seeded(seed))
    assert sorted(order_N.tolist()) == list(range(len(label_N)))


@given(label_N=labels, seed=seeds, fraction=st.floats(0.3, 0.7), data=st.data())
def test_parts_are_disjoint_cover_and_repeat(
    label_N: torch.Tensor, seed: int, fraction: float, data: st.DataObject
) -> None:
    num_used = data.draw(st.integers(4, len(label_N)))
    train_N, validation_N = divide(label_N, num_used, fraction, seed)
    assert len({*train_N.tolist(), *validation_N.tolist()}) == num_used
    assert len(train_N) + len(validation_N) == num_used
    again = divide(label_N, num_used, fraction, seed)
    assert torch.equal(train_N, again[0])
    assert torch.equal(validation_N, again[1])


@given(num_classes=st.integers(2, 6), half=st.integers(1, 10), unused=st.integers(0, 5), seed=seeds)
def test_equal_classes_are_divided_equally(
    num_classes: int, half: int, unused: int, seed: int
) -> None:
    label_N = torch.arange(num_classes).repeat(2 * half + unused)
    parts = divide(label_N, 2 * half * num_classes, 0.5, seed)
    for part_N in parts:
        assert torch.bincount(label_N[part_N]).tolist() == [half] * num_classes


@given(label_N=labels, seed=seeds)
def test_unequal_classes_keep_their_proportion(label_N: torch.Tensor, seed: int) -> None:
    order_N = balanced_order(label_N, seeded(seed))
    count_K = torch.bincount(label_N)
    for length in range(len(label_N)):
        held_K = torch.bincount(label_N[order_N[:length]], minlength=len(count_K))
        assert ((held_K - count_K * length / len(label_N)).abs() < len(count_K)).all()


def test_seeds_differ() -> None:
    label_N = torch.arange(10).repeat(10)
    assert divide(label_N, None, 0.5, 0)[0].tolist() != divide(label_N, None, 0.5, 1)[0].tolist()


def test_no_validation_part() -> None:
    train_N, validation_N = divide(torch.arange(2).repeat(5), None, 0.0, 0)
    assert sorted(train_N.tolist()) == list(range(10))
    assert len(validation_N) == 0


def test_a_fifth_of_every_class_is_held_out() -> None:
    label_N = torch.arange(3).repeat(10)
    train_N, test_N = hold_out(label_N)
    assert torch.bincount(label_N[test_N]).tolist() == [2, 2, 2]
    assert sorted([*train_N.tolist(), *test_N.tolist()]) == list(range(30))


@pytest.mark.parametrize(("num_used", "fraction"), [(11, 0.5), (1, 0.5), (2, 0.1), (2, 0.9)])
def test_too_few_examples(num_used: int, fraction: float) -> None:
    with pytest.raises(DataError, match="num_train"):
        divide(torch.arange(2).repeat(5), num_used, fraction, 0)
