"""`CachingAllocator`: how PyTorch's allocator on CUDA takes memory from the driver, without a GPU.

It follows `c10/cuda/CUDACachingAllocator.cpp` of PyTorch 2.14 with the settings that it has where
`PYTORCH_ALLOC_CONF` says nothing. It takes segments from the driver, cuts blocks from them for
tensors, and keeps a segment when its tensors are gone. Reserved bytes are those of the segments.
"""

from bisect import bisect_left, insort
from dataclasses import dataclass, field
from typing import NamedTuple

from radars.units import CUDA_BLOCK_BYTES, MIB, rounded_up

_SMALL_BYTES = MIB  # up to it, blocks are small
_SMALL_SEGMENT_BYTES = 2 * MIB
_LARGE_SEGMENT_BYTES = 20 * MIB  # of blocks below the next limit
_OWN_SEGMENT_BYTES = 10 * MIB  # from it on, a block has a segment of its own
_ROUND_BYTES = 2 * MIB  # to which that is rounded up


class PoolKey(NamedTuple):
    """Blocks of one pool are never used for another."""

    is_small: bool
    stream: int


@dataclass(eq=False, slots=True)
class Block:
    """A part of a segment.

    Attributes:
        address: where it begins, in bytes.
        num_bytes: its size.
        pool: which tensors it is for.
        tensor_bytes: the size of the tensor in it; 0 where it is free.
        before: the block before it in its segment; None for the first.
        after: the block after it; None for the last.
    """

    address: int
    num_bytes: int
    pool: PoolKey
    tensor_bytes: int = 0
    before: "Block | None" = None
    after: "Block | None" = None

    @property
    def is_free(self) -> bool:
        """Whether no tensor is in it."""
        return self.tensor_bytes == 0

    @property
    def is_segment(self) -> bool:
        """Whether it is the whole of its segment."""
        return self.before is None and self.after is None


@dataclass(eq=False)
class _Pool:
    """Free blocks, by size and then by address."""

    keys: list[tuple[int, int]] = field(default_factory=list)
    by_address: dict[int, Block] = field(default_factory=dict)

    def add(self, block: Block) -> None:
        insort(self.keys, (block.num_bytes, block.address))
        self.by_address[block.address] = block

    def remove(self, block: Block) -> None:
        del self.keys[bisect_left(self.keys, (block.num_bytes, block.address))]
        del self.by_address[block.address]

    def take_best(self, num_bytes: int) -> Block | None:
        """Removes the smallest block that is large enough, of several the first in memory."""
        index = bisect_left(self.keys, (num_bytes, 0))
        if index == len(self.keys):
            return None
        return self.by_address.pop(self.keys.pop(index)[1])


class CachingAllocator:
    """A model of PyTorch's allocator of one device.

    Attributes:
        reserved_bytes: what it has from the driver.
        allocated_bytes: the size of the blocks that tensors are in.
        peak_reserved_bytes: the most that it ever had.
        peak_allocated_bytes: likewise.
        num_releases: how often it gave all free segments back, as there was no room for another.

    Args:
        limit_bytes: the most that it may have from the driver; None for no limit.
    """

    def __init__(self, limit_bytes: int | None = None) -> None:
        self._limit_bytes = limit_bytes
        self._pools: dict[PoolKey, _Pool] = {}
        self._next_address = 0
        self.reserved_bytes = self.allocated_bytes = 0
        self.peak_reserved_bytes = self.peak_allocated_bytes = 0
        self.num_releases = 0

    def allocate(self, num_bytes: int, stream: int = 0) -> Block:
        """A block for a tensor.

        Args:
            num_bytes: the size of the tensor, one or more: an empty one takes no block.
            stream: for whose operations it is.

        Raises:
            MemoryError: it does not fit the limit, even when what is free is given back.
        """
        size = rounded_up(num_bytes, CUDA_BLOCK_BYTES)
        key = PoolKey(size <= _SMALL_BYTES, stream)
        pool = self._pools.setdefault(key, _Pool())
        block = pool.take_best(size) or self._new_segment(_segment_bytes(size), key)
        block.tensor_bytes = num_bytes
        rest_bytes = block.num_bytes - size
        if rest_bytes >= CUDA_BLOCK_BYTES if key.is_small else rest_bytes > _SMALL_BYTES:
            pool.add(_split(block, size))
        self.allocated_bytes += block.num_bytes
        self.peak_allocated_bytes = max(self.peak_allocated_bytes, self.allocated_bytes)
        return block

    def free(self, block: Block) -> None:
        """Takes a block back, and joins it with free blocks beside it."""
        self.allocated_bytes -= block.num_bytes
        pool = self._pools[block.pool]
        before, after = block.before, block.after
        if before is not None and before.is_free:
            pool.remove(before)
            block = _joined(before, block)
        if after is not None and after.is_free:
            pool.remove(after)
            block = _joined(block, after)
        block.tensor_bytes = 0
        pool.add(block)

    def release(self) -> None:
        """Gives segments that are free back to the driver, as `torch.cuda.empty_cache` does."""
        for pool in self._pools.values():
            for block in [each for each in pool.by_address.values() if each.is_segment]:
                pool.remove(block)
                self.reserved_bytes -= block.num_bytes

    def _new_segment(self, num_bytes: int, key: PoolKey) -> Block:
        if not self._has_room(num_bytes):
            self.release()
            self.num_releases += 1
            if not self._has_room(num_bytes):
                raise MemoryError(
                    f"no room for {num_bytes:,} bytes beside {self.reserved_bytes:,} in "
                    f"{self._limit_bytes:,}"
                )
        self.reserved_bytes += num_bytes
        self.peak_reserved_bytes = max(self.peak_reserved_bytes, self.reserved_bytes)
        self._next_address += num_bytes
        return Block(self._next_address - num_bytes, num_bytes, key)

    def _has_room(self, num_bytes: int) -> bool:
        return self._limit_bytes is None or self.reserved_bytes + num_bytes <= self._limit_bytes


def _segment_bytes(size: int) -> int:
    """The segment that the allocator takes where no free block is large enough."""
    if size <= _SMALL_BYTES:
        return _SMALL_SEGMENT_BYTES
    if size < _OWN_SEGMENT_BYTES:
        return _LARGE_SEGMENT_BYTES
    return rounded_up(size, _ROUND_BYTES)


def _split(block: Block, size: int) -> Block:
    """Cuts a block to a size; returns the rest of it, free."""
    rest = Block(block.address + size, block.num_bytes - size, block.pool, 0, block, block.after)
    if block.after is not None:
        block.after.before = rest
    block.num_bytes, block.after = size, rest
    return rest


def _joined(first: Block, second: Block) -> Block:
    """Two blocks beside each other as one."""
    first.num_bytes += second.num_bytes
    first.after = second.after
    if second.after is not None:
        second.after.before = first
    return first
