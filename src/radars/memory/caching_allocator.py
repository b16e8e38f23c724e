"""`CachingAllocator`: how PyTorch's allocator on CUDA takes memory from the driver, without a GPU.

It follows `c10/cuda/CUDACachingAllocator.cpp` of PyTorch 2.14 with the settings that it has where
`PYTORCH_ALLOC_CONF` says nothing. It takes segments from the driver, cuts blocks from them for
tensors, and keeps a segment when its tensors are gone. Reserved bytes are those of the segments.
"""

from bisect import bisect_left, insort
from dataclasses import dataclass, field

from radars.units import CUDA_BLOCK_BYTES, MIB, rounded_up

_SMALL_BYTES = MIB  # up to it, blocks are small
_SMALL_SEGMENT_BYTES = 2 * MIB
_LARGE_SEGMENT_BYTES = 20 * MIB  # of blocks below the next limit
_OWN_SEGMENT_BYTES = 10 * MIB  # from it on, a block has a segment of its own
_ROUND_BYTES = 2 * MIB  # to which that is rounded up


@dataclass(eq=False, slots=True)
class Block:
    """A part of a segment.

    Attributes:
        address: where it begins, in bytes.
        num_bytes: its size.
        is_small: whether it is for small tensors.
        tensor_bytes: the size of the tensor in it; 0 where it is free.
        before: the block before it in its segment; None for the first.
        after: the block after it; None for the last.
    """

    address: int
    num_bytes: int
    is_small: bool
    tensor_bytes: int = 0
    before: "Block | None" = None
    after: "Block | None" = None

    @property
    def is_free(self) -> bool:
        """Whether no tensor is in it."""
        return self.tensor_bytes == 0


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
    """A model of PyTorch's allocator of one device, for one stream, with as much as it asks for.

    Attributes:
        reserved_bytes: what it has from the driver; it gives nothing back.
        allocated_bytes: the size of the blocks that tensors are in.
        peak_allocated_bytes: the most that it ever was.
    """

    def __init__(self) -> None:
        self._small, self._large = _Pool(), _Pool()
        self.reserved_bytes = self.allocated_bytes = self.peak_allocated_bytes = 0

    def allocate(self, num_bytes: int) -> Block:
        """A block for a tensor.

        Args:
            num_bytes: the size of the tensor, one or more: an empty one takes no block.
        """
        size = rounded_up(num_bytes, CUDA_BLOCK_BYTES)
        is_small = size <= _SMALL_BYTES
        pool = self._small if is_small else self._large
        block = pool.take_best(size) or self._new_segment(_segment_bytes(size), is_small)
        block.tensor_bytes = num_bytes
        rest_bytes = block.num_bytes - size
        if rest_bytes >= CUDA_BLOCK_BYTES if is_small else rest_bytes > _SMALL_BYTES:
            pool.add(_split(block, size))
        self.allocated_bytes += block.num_bytes
        self.peak_allocated_bytes = max(self.peak_allocated_bytes, self.allocated_bytes)
        return block

    def free(self, block: Block) -> None:
        """Takes a block back, and joins it with free blocks beside it."""
        self.allocated_bytes -= block.num_bytes
        pool = self._small if block.is_small else self._large
        before, after = block.before, block.after
        if before is not None and before.is_free:
            pool.remove(before)
            block = _joined(before, block)
        if after is not None and after.is_free:
            pool.remove(after)
            block = _joined(block, after)
        block.tensor_bytes = 0
        pool.add(block)

    def _new_segment(self, num_bytes: int, is_small: bool) -> Block:
        address = self.reserved_bytes  # behind all that there are
        self.reserved_bytes += num_bytes
        return Block(address, num_bytes, is_small)


def _segment_bytes(size: int) -> int:
    """The segment that the allocator takes where no free block is large enough."""
    if size <= _SMALL_BYTES:
        return _SMALL_SEGMENT_BYTES
    if size < _OWN_SEGMENT_BYTES:
        return _LARGE_SEGMENT_BYTES
    return rounded_up(size, _ROUND_BYTES)


def _split(block: Block, size: int) -> Block:
    """Cuts a block to a size; returns the rest of it, free."""
    rest = Block(
        block.address + size, block.num_bytes - size, block.is_small, 0, block, block.after
    )
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
