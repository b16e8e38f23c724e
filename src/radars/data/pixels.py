"""Where the pixels of a split come from, and reading them one request after another.

Shapes: N examples, B batch, C channels, H height, W width.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import torch
from torch.utils.data import DataLoader, Dataset

from radars.data.augment import RandAugment, rand_augment
from radars.data.order import Position, seeded
from radars.errors import DataError
from radars.machine import usable_processors

IDS = (torch.int64, torch.int32)
"""Examples of these types are numbers of things, such as tokens: they stay what they are."""


class Request(NamedTuple):
    """Which examples are wanted, and how.

    Attributes:
        indices: example numbers within the split.
        position: seeds the augmentation; None asks for the examples as they are.
        policy: the policy of RandAugment; None for none of it.
        part: the part of the examples that is wanted: no more than these are read where that is
            possible.
        is_raw: whether images may come as `RawImages`, not changed yet.
    """

    indices: list[int]
    position: Position | None = None
    policy: RandAugment | None = None
    part: slice = slice(None)
    is_raw: bool = False


class Pixels(ABC):
    """The images, or other examples, of a split.

    Attributes:
        shape: the shape of an example: channels, height, width of an image; or of each input.
        num_workers: how many processes read them; 0 reads in this one.
        is_in_memory: whether reading them takes no decoding.
        augmentation: the user's function that changes training batches at random, if any.
    """

    shape: Any
    num_workers: int
    is_in_memory = False
    augmentation: Callable[..., Any] | None = None

    @abstractmethod
    def __len__(self) -> int:
        """How many images there are."""

    @abstractmethod
    def read_augmented(self, request: Request) -> Any:
        """What `read` returns, without RandAugment."""

    def read(self, request: Request) -> Any:
        """The examples of a request (B, C, ...): of images values from 0 to 255 of any type.

        Of several inputs it is a tuple or a dict of tensors; `RawImages` where they were asked for.

        The result depends on the request alone; that of a part is the part of the result.

        Raises:
            DataError: an image cannot be decoded.
        """
        image_BCHW = self.read_augmented(request)
        if request.position is None or request.policy is None:
            return image_BCHW
        stream, epoch, _ = request.position
        seeds = [
            seeded("rand_augment", stream, epoch, index).initial_seed()
            for index in request.indices[request.part]
        ]
        return rand_augment(image_BCHW, request.policy, seeds)

    def read_each(self, requests: Iterable[Request], *, is_for_gpu: bool = False) -> Iterator[Any]:
        """Reads one request after another, ahead of time where there are workers.

        Args:
            requests: what is wanted.
            is_for_gpu: whether what workers have read is put into pinned memory, by a thread. It
                waits on the host: the device holds the batch of the step alone.
        """
        if self.num_workers == 0:
            yield from map(self.read, requests)
            return
        loader = DataLoader(
            _Answers(self),
            batch_size=None,
            sampler=requests,
            num_workers=min(self.num_workers, usable_processors()),
            collate_fn=_as_it_is,
            generator=torch.Generator(),  # or the loader would draw from the global one
            pin_memory=is_for_gpu and torch.cuda.is_available(),
        )
        for answer in loader:
            if isinstance(answer, DataError):
                raise answer
            yield answer


class _Answers(Dataset[Any]):
    """What workers evaluate: errors are returned, or the loader would add a traceback to them."""

    def __init__(self, pixels: Pixels) -> None:
        self._pixels = pixels

    def __getitem__(self, request: Request) -> Any:
        try:
            return self._pixels.read(request)
        except DataError as error:
            return DataError(str(error))


def _as_it_is(answer: Any) -> Any:
    return answer
