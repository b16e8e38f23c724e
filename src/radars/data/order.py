"""The order in which a stream visits its examples, as a function of where it is.

Nothing here keeps a generator running: every draw is seeded by a position, so that to resume is to
know three numbers. N examples.
"""

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor


def seeded(*parts: int | str) -> torch.Generator:
    """A CPU generator that depends on all of `parts`, and on nothing else."""
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=4).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "big"))


class Position(NamedTuple):
    """Where a stream is.

    Attributes:
        seed: the seed of the stream.
        epoch: how many times the examples were all visited.
        offset: how many examples of this epoch were visited.
    """

    seed: int
    epoch: int = 0
    offset: int = 0


def walk(
    position: Position, num_examples: int, batch_size: int
) -> Iterator[tuple[Position, list[int]]]:
    """Full batches of shuffled example numbers from `position` on, without end.

    The examples that do not fill the last batch of an epoch are left out of that epoch.
    """
    while True:
        order_N = _shuffled(position, num_examples)
        for offset in range(position.offset, num_examples - batch_size + 1, batch_size):
            indices = order_N[offset : offset + batch_size].tolist()
            yield Position(position.seed, position.epoch, offset), indices
        position = Position(position.seed, position.epoch + 1)


def _shuffled(position: Position, num_examples: int) -> Tensor:
    generator = seeded("order", position.seed, position.epoch)
    return torch.randperm(num_examples, generator=generator)
