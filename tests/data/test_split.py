import copy
import pickle
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from radars.data import Normalisation, SealedSplit, Split
from radars.data.in_memory import MemoryPixels
from radars.errors import DataError, RadarsError, TestSplitError


def make_split(num_examples: int = 20) -> Split:
    generator = torch.Generator().manual_seed(0)
    image_NCHW = torch.randint(0, 256, (num_examples, 3, 8, 8), generator=generator).byte()
    normalisation = Normalisation(torch.full((3,), 0.5), torch.full((3,), 0.25))
    return Split(MemoryPixels(image_NCHW), torch.arange(num_examples), normalisation)


def test_a_batch_is_normalised_and_channels_last() -> None:
    batch = make_split().batches(6, augment=True, seed=0).next()
    assert batch.example_B.shape == (6, 3, 8, 8)
    assert batch.example_B.dtype == torch.float32
    assert batch.example_B.is_contiguous(memory_format=torch.channels_last)
    assert batch.label_B.dtype == torch.int64
    assert -2 <= batch.example_B.min() < batch.example_B.max() <= 2


def test_a_split_can_be_normalised_in_another_way() -> None:
    split = make_split()
    other = split.normalised_by(Normalisation(torch.full((3,), 0.0), torch.full((3,), 1.0)))
    before, after = next(split.evaluation_batches(20)), next(other.evaluation_batches(20))
    assert torch.allclose((after.example_B - 0.5) / 0.25, before.example_B, atol=1e-6)
    assert torch.equal(after.label_B, before.label_B)


@pytest.mark.parametrize(
    ("num_examples", "batch_size", "sizes"),
    [
        (20, 6, [6, 6, 6, 2]),
        (18, 6, [6, 6, 6]),
        (19, 6, [6, 6, 5, 2]),  # not one, which batch normalisation may not take
        (4, 3, [2, 2]),
        (3, 2, [2, 1]),
        (2, 1, [1, 1]),
        (1, 6, [1]),
    ],
)
def test_an_evaluation_is_one_ordered_pass(
    num_examples: int, batch_size: int, sizes: list[int]
) -> None:
    batches = list(make_split(num_examples).evaluation_batches(batch_size))
    assert [len(batch.label_B) for batch in batches] == sizes
    assert torch.cat([batch.label_B for batch in batches]).tolist() == list(range(num_examples))


@pytest.mark.parametrize(
    ("num_examples", "sizes"),
    [(19, [8, 7, 4]), (20, [8, 8, 4]), (17, [8, 5, 4]), (21, [8, 8, 5]), (3, [3])],
)
def test_a_last_batch_has_two_examples_for_each_part(num_examples: int, sizes: list[int]) -> None:
    batches = list(make_split(num_examples).evaluation_batches(8, num_parts=2))
    assert [len(batch.label_B) for batch in batches] == sizes
    assert torch.cat([batch.label_B for batch in batches]).tolist() == list(range(num_examples))


def test_images_stay_with_their_labels() -> None:
    split = make_split()
    example_N = next(split.evaluation_batches(20)).example_B
    batch = split.batches(7, augment=False, seed=3).next()
    assert torch.equal(batch.example_B, example_N[batch.label_B])


@given(cut=st.integers(0, 12), batch_size=st.integers(1, 20), augment=st.booleans())
def test_a_stream_goes_on_bit_for_bit(cut: int, batch_size: int, augment: bool) -> None:
    split = make_split()
    stream = split.batches(batch_size, augment=augment, seed=1)
    for _ in range(cut):
        stream.next()
    state = copy.deepcopy(stream.state_dict())
    resumed = split.batches(batch_size, augment=augment, seed=2)
    resumed.load_state_dict(state)
    for _ in range(3):
        expected, got = stream.next(), resumed.next()
        assert torch.equal(expected.example_B, got.example_B)
        assert torch.equal(expected.label_B, got.label_B)


def test_seeds_and_epochs_differ() -> None:
    split = make_split()
    one, other = (split.batches(20, augment=True, seed=seed) for seed in (0, 1))
    first = one.next()
    assert first.label_B.tolist() != other.next().label_B.tolist()
    assert first.label_B.tolist() != one.next().label_B.tolist()


@pytest.mark.parametrize("seed", [-1, 2**63, 2**64 + 3])
def test_any_integer_is_a_seed(seed: int) -> None:
    stream = make_split().batches(2, augment=True, seed=seed)
    stream.next()
    stream.load_state_dict(stream.state_dict())


@pytest.mark.parametrize("batch_size", [0, 21])
def test_a_batch_larger_than_the_split(batch_size: int) -> None:
    with pytest.raises(DataError, match="from 1 to the examples of the split, 20"):
        make_split().batches(batch_size, augment=False, seed=0)


@pytest.mark.parametrize(
    "state",
    [{}, {"position": torch.tensor([0, 0, 21])}, {"position": torch.tensor([0, -1, 0])}],
)
def test_a_state_of_something_else(state: dict[str, torch.Tensor]) -> None:
    with pytest.raises(DataError, match="resume with the data"):
        make_split().batches(2, augment=False, seed=0).load_state_dict(state)


@pytest.mark.parametrize(
    "read",
    [
        len,
        list,
        bool,
        lambda split: split[0],
        lambda split: split.batches(2, augment=False, seed=0),
        lambda split: split.evaluation_batches(2),
        lambda split: split.label_N,
        lambda split: split.normalisation,
    ],
)
def test_a_sealed_split_cannot_be_read(read: Callable[[SealedSplit], object]) -> None:
    sealed = SealedSplit(make_split)
    with pytest.raises(TestSplitError, match="sealed") as caught:
        read(sealed)
    assert isinstance(caught.value, RadarsError)
    assert len(sealed.open()) == 20


def test_a_sealed_split_travels_to_a_worker_and_stays_sealed() -> None:
    for copied in (pickle.loads(pickle.dumps(SealedSplit(make_split))),
                   copy.deepcopy(SealedSplit(make_split))):  # fmt: skip
        with pytest.raises(TestSplitError):
            len(copied)
