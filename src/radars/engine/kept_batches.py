"""`KeptBatches`: batches that stay on a GPU while architectures are compared on them."""

from collections.abc import Callable, Hashable, Iterable, Iterator

from radars.data import Batch
from radars.example import parts_of
from radars.units import CUDA_BLOCK_BYTES, rounded_up


class KeptBatches:
    """Some batches, all of one kind: each of them goes to the device once.

    Attributes:
        held_bytes: what they hold, in the blocks of CUDA's allocator.
    """

    def __init__(self) -> None:
        self.held_bytes = 0
        self._key: Hashable = None  # of what is here in full
        self._batches: list[Batch] = []

    def each(
        self, key: Hashable, batches: Iterable[Batch], make_room: Callable[[], None]
    ) -> Iterator[Batch]:
        """Yields batches on the device, those of before where they are known by this key.

        Args:
            key: tells these batches from others, which leave.
            batches: they come to the device as they are read; not read where they are here.
            make_room: called after each that stays; releases all where there is no room for them.
        """
        if key == self._key:
            yield from tuple(self._batches)
            return
        self.release()
        is_kept = True
        for batch in batches:
            yield batch
            if is_kept:
                self._batches.append(batch)
                self.held_bytes += _held_bytes(batch)
                make_room()
                is_kept = bool(self._batches)
        self._key = key if is_kept else None

    def release(self) -> None:
        """None stays from now on."""
        self.held_bytes, self._key, self._batches = 0, None, []


def _held_bytes(batch: Batch) -> int:
    tensors = [*parts_of(batch.example_B), batch.label_B]
    return sum(rounded_up(tensor.nbytes, CUDA_BLOCK_BYTES) for tensor in tensors)
