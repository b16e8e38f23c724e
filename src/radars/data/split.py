"""A split: batches in random order without end, or once in order.

Shapes: N examples, B batch, C channels, H height, W width.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Any, NoReturn, final

import torch
from torch import Tensor

from radars.data.augment import RandAugment
from radars.data.batch import Batch
from radars.data.normalisation import Normalisation, are_images, normalised
from radars.data.order import Position, walk
from radars.data.pixels import Pixels, Request
from radars.data.raw_images import RawImages
from radars.errors import DataError, TestSplitError
from radars.example import Form, InputShape

_SEED_LIMIT = 2**63


@final
class Split:
    """Examples with labels.

    Attributes:
        label_N: classes, int64 (N,).
        normalisation: what every example goes through; of several inputs, each through its own.
        is_for_gpu: whether batches go to a GPU.
    """

    def __init__(
        self,
        pixels: Pixels,
        label_N: Tensor,
        normalisation: Form[Normalisation],
        *,
        is_for_gpu: bool = False,
    ) -> None:
        self.label_N = label_N
        self.normalisation: Any = normalisation
        self.is_for_gpu = is_for_gpu
        # images come as they are stored, and `move` changes and normalises them
        self._is_raw = is_for_gpu and are_images(pixels.shape, normalisation)
        self._pixels = pixels

    def __len__(self) -> int:
        return len(self.label_N)

    def normalised_by(self, normalisation: Form[Normalisation]) -> "Split":
        """The same examples, normalised in another way: as those that a network was trained on."""
        return Split(self._pixels, self.label_N, normalisation, is_for_gpu=self.is_for_gpu)

    def on(self, device: torch.device) -> "Split":
        """The same examples for a device: on a GPU images are changed and normalised there."""
        if device.type != "cuda":
            return self
        return Split(self._pixels, self.label_N, self.normalisation, is_for_gpu=True)

    @property
    def is_in_memory(self) -> bool:
        """Whether reading an example takes no decoding."""
        return self._pixels.is_in_memory

    @property
    def augmentation(self) -> Callable[..., Any] | None:
        """The user's function that changes training batches at random, if any."""
        return self._pixels.augmentation

    @property
    def shape(self) -> InputShape:
        """The shape of an example."""
        shape: InputShape = self._pixels.shape
        return shape

    def read(self, indices: list[int]) -> Any:
        """Some examples (B, C, ...), neither changed nor normalised; none where none are asked for.

        Raises:
            DataError: one cannot be read.
        """
        return self._pixels.read(Request(indices)) if indices else torch.empty(0)

    def batches(
        self,
        batch_size: int,
        *,
        augment: bool,
        seed: int,
        policy: RandAugment | None = None,
        part: slice = slice(None),
    ) -> "BatchStream":
        """Full batches in random order, without end.

        Args:
            batch_size: examples per batch; those that do not fill a batch are left out of an epoch.
            augment: whether images are changed at random.
            seed: the seed of the order and the changes, both.
            policy: the policy of RandAugment, where images are changed; None for none of it.
            part: the part of each batch; the parts of several processes make up the batches of one.

        Raises:
            DataError: there are fewer examples than a batch holds.
        """
        if not 1 <= batch_size <= len(self):
            raise DataError(
                f"batch_size must be from 1 to the examples of the split, {len(self)}, but got "
                f"{batch_size}; lower it, or raise num_train"
            )
        return BatchStream(self, batch_size, augment=augment, seed=seed, policy=policy, part=part)

    def evaluation_batches(self, batch_size: int, *, num_parts: int = 1) -> Iterator[Batch]:
        """Every example once, in order, as it is; the last batch may be smaller.

        It has fewer than two examples for each part only where the batch before it cannot give it
        more: with a batch's own statistics, batch normalisation may need two.

        Args:
            batch_size: examples in a batch.
            num_parts: into how many parts each batch is going to be split.

        Raises:
            DataError: the batch has no examples.
        """
        if batch_size < 1:
            raise DataError(f"batch_size must be 1 or more, but got {batch_size}; raise it")
        starts = list(range(0, len(self), batch_size))
        missing = 2 * num_parts - (len(self) - starts[-1])
        if len(starts) > 1 and 0 < missing <= batch_size - 2 * num_parts:
            starts[-1] -= missing
        chunks = [list(range(*bounds)) for bounds in pairwise((*starts, len(self)))]
        examples = self._pixels.read_each(map(Request, chunks), is_for_gpu=self.is_for_gpu)
        for indices, example_B in zip(chunks, examples, strict=True):
            yield self._batch(indices, example_B)

    def _batch(self, indices: list[int], example_B: Any) -> Batch:
        label_B = self.label_N[indices]
        if not self._is_raw:
            return Batch(normalised(self.normalisation, example_B), label_B)
        images = example_B if isinstance(example_B, RawImages) else RawImages(example_B)
        return Batch(images.normalised_by(self.normalisation), label_B)

    def _batches_from(
        self,
        position: Position,
        batch_size: int,
        augment: bool,
        policy: RandAugment | None,
        part: slice,
    ) -> Iterator[tuple[Position, Batch]]:
        """Batches from a position on, each with the position that it is at."""
        steps = walk(position, len(self), batch_size)
        requests = (
            Request(indices, at if augment else None, policy, part, self._is_raw)
            for at, indices in steps
        )
        examples = self._pixels.read_each(requests, is_for_gpu=self.is_for_gpu)
        # the same walk again: workers are several requests ahead of what is yielded here
        for at, indices in walk(position, len(self), batch_size):
            yield at, self._batch(indices[part], next(examples))


@final
class BatchStream:
    """An endless stream of shuffled batches, that can go on, bit for bit, where another stopped."""

    def __init__(
        self,
        split: Split,
        batch_size: int,
        *,
        augment: bool,
        seed: int,
        policy: RandAugment | None = None,
        part: slice = slice(None),
    ) -> None:
        self._split = split
        self._batch_size = batch_size
        self._augment = augment
        self._policy = policy
        self._part = part
        self._position = Position(seed % _SEED_LIMIT)
        self._batches: Iterator[tuple[Position, Batch]] | None = None

    def next(self) -> Batch:
        """The next batch.

        Raises:
            DataError: an image cannot be decoded.
        """
        if self._batches is None:
            self._batches = self._split._batches_from(
                self._position, self._batch_size, self._augment, self._policy, self._part
            )
        at, batch = next(self._batches)
        self._position = at._replace(offset=at.offset + self._batch_size)
        return batch

    def state_dict(self) -> dict[str, Tensor]:
        """All that the rest of the stream depends on, beside the split and the batch size."""
        return {"position": torch.tensor(self._position, dtype=torch.int64)}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Goes on from where the stream was whose `state_dict` this is.

        Raises:
            DataError: the state is not that of a stream over this split.
        """
        values = state["position"].tolist() if "position" in state else []
        if len(values) != len(Position._fields) or min(values) < 0 or values[2] > len(self._split):
            raise DataError(
                f"the state of a stream must be a position within {len(self._split)} examples, but "
                f"got {values}; resume with the data that the run was started with"
            )
        self._position = Position(*values)
        self._batches = None


@final
class SealedSplit:
    """A test split that cannot be read by mistake: only `open` gives access.

    A search never opens it.
    """

    def __init__(self, open_split: Callable[[], Split]) -> None:
        self._open_split = open_split

    def open(self) -> Split:
        """The test split.

        Raises:
            DataError: it cannot be used.
        """
        return self._open_split()

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):  # copying and pickling ask for what may not be there
            raise AttributeError(name)
        raise _sealed(name)

    def __len__(self) -> NoReturn:
        raise _sealed("len")

    def __iter__(self) -> NoReturn:
        raise _sealed("iteration")

    def __getitem__(self, index: object) -> NoReturn:
        raise _sealed("an item")


def _sealed(what: str) -> TestSplitError:
    return TestSplitError(
        f"the test split must stay sealed during a search, but its {what} was read; use the "
        f"validation split, or open() it to evaluate a finished network"
    )
