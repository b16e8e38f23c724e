import itertools

import torch
from hypothesis import given
from hypothesis import strategies as st

from radars.data.order import Position, seeded, walk


def test_a_generator_depends_on_every_part() -> None:
    parts = [("a", 0), ("a", 1), ("b", 0), ("a", 0, 0)]
    draws = {int(torch.randint(2**60, (), generator=seeded(*part))) for part in parts}
    assert len(draws) == len(parts)


@given(
    seed=st.integers(0, 2**63 - 1),
    batch_size=st.integers(1, 9),
    extra=st.integers(0, 20),
    cut=st.integers(0, 12),
)
def test_a_walk_goes_on_from_any_position(seed: int, batch_size: int, extra: int, cut: int) -> None:
    num_examples = batch_size + extra
    whole = list(itertools.islice(walk(Position(seed), num_examples, batch_size), cut + 3))
    resumed = walk(whole[cut][0], num_examples, batch_size)
    assert list(itertools.islice(resumed, 3)) == whole[cut:]


@given(batch_size=st.integers(1, 9), extra=st.integers(0, 20))
def test_an_epoch_has_full_batches_without_repeats(batch_size: int, extra: int) -> None:
    num_examples = batch_size + extra
    steps = walk(Position(0), num_examples, batch_size)
    epoch = [next(steps)[1] for _ in range(num_examples // batch_size)]
    seen = [index for indices in epoch for index in indices]
    assert all(len(indices) == batch_size for indices in epoch)
    assert len(set(seen)) == len(seen)
    assert set(seen) <= set(range(num_examples))
    assert next(steps)[0].epoch == 1


def test_epochs_differ() -> None:
    steps = walk(Position(0), 100, 100)
    assert next(steps)[1] != next(steps)[1]
