"""Cases that were worked out by hand from the rules of PyTorch's allocator."""

import itertools
import random

import pytest

from radars.memory.caching_allocator import Block, CachingAllocator
from radars.units import KIB, MIB


def test_sizes_are_rounded_to_512_bytes() -> None:
    allocator = CachingAllocator()
    assert [allocator.allocate(n).num_bytes for n in (1, 512, 513)] == [512, 512, 1024]
    assert allocator.allocated_bytes == 2048


@pytest.mark.parametrize(
    ("num_bytes", "segment_bytes"),
    [
        (1, 2 * MIB),
        (MIB, 2 * MIB),
        (MIB + 1, 20 * MIB),
        (10 * MIB - 512, 20 * MIB),
        (10 * MIB - 511, 10 * MIB),  # rounded to 10 MiB, which is none of the others any more
        (10 * MIB, 10 * MIB),
        (10 * MIB + 1, 12 * MIB),
        (33 * MIB, 34 * MIB),
    ],
)
def test_a_segment_goes_by_the_size(num_bytes: int, segment_bytes: int) -> None:
    allocator = CachingAllocator()
    allocator.allocate(num_bytes)
    assert allocator.reserved_bytes == segment_bytes


def test_small_tensors_share_a_segment() -> None:
    allocator = CachingAllocator()
    for _ in range(4):
        allocator.allocate(512 * KIB)
    assert allocator.reserved_bytes == allocator.allocated_bytes == 2 * MIB
    allocator.allocate(1)
    assert allocator.reserved_bytes == 4 * MIB


def test_small_and_large_tensors_do_not_share_one() -> None:
    allocator = CachingAllocator()
    allocator.allocate(2 * MIB)  # 18 MiB of its segment are free
    allocator.allocate(1)
    assert allocator.reserved_bytes == 22 * MIB


def test_the_rest_of_a_large_block_is_split_off_beyond_1_mib() -> None:
    whole, part = CachingAllocator(), CachingAllocator()
    assert whole.allocate(11 * MIB).num_bytes == 12 * MIB  # 1 MiB stays with it
    assert part.allocate(11 * MIB - 512).num_bytes == 11 * MIB - 512


def test_a_small_block_is_split_to_the_last_512_bytes() -> None:
    allocator = CachingAllocator()
    allocator.allocate(MIB)
    assert allocator.allocate(MIB - 512).num_bytes == MIB - 512
    allocator.allocate(512)
    assert allocator.reserved_bytes == 2 * MIB


def test_the_smallest_free_block_that_is_large_enough_is_taken_the_first_of_several() -> None:
    allocator = CachingAllocator()
    sizes = (6 * MIB, 2 * MIB, 3 * MIB, 2 * MIB, 3 * MIB, 2 * MIB)  # 18 of 20 MiB
    blocks = [allocator.allocate(size) for size in sizes]
    for index in (0, 2, 4):
        allocator.free(blocks[index])
    taken = allocator.allocate(2 * MIB + 512 * KIB)
    assert taken.address == blocks[2].address
    assert taken.num_bytes == 3 * MIB  # what is left is too small to be split off
    assert allocator.allocate(4 * MIB).address == blocks[0].address


def test_free_neighbours_are_joined_in_any_order() -> None:
    for order in ((0, 1, 2), (2, 1, 0), (0, 2, 1), (1, 0, 2)):
        allocator = CachingAllocator()
        blocks = [allocator.allocate(6 * MIB) for _ in range(3)]
        for index in order:
            allocator.free(blocks[index])
        assert allocator.allocate(20 * MIB).num_bytes == 20 * MIB
        assert allocator.reserved_bytes == 20 * MIB


def test_what_is_free_but_too_small_is_fragmentation() -> None:
    allocator = CachingAllocator()
    blocks = [allocator.allocate(5 * MIB) for _ in range(4)]
    allocator.free(blocks[0])
    allocator.free(blocks[2])
    allocator.allocate(8 * MIB)  # 10 MiB are free, but in two places
    assert allocator.allocated_bytes == 18 * MIB
    assert allocator.reserved_bytes == 40 * MIB


def test_peaks_are_remembered_and_segments_kept() -> None:
    allocator = CachingAllocator()
    allocator.free(allocator.allocate(30 * MIB))
    assert allocator.allocated_bytes == 0
    assert allocator.reserved_bytes == allocator.peak_allocated_bytes == 30 * MIB
    for _ in range(2):
        allocator.allocate(6 * MIB)
    assert allocator.reserved_bytes == 30 * MIB  # both from the one that was there


def test_what_is_held_never_overlaps_and_all_of_it_comes_back() -> None:
    draw = random.Random(0)
    allocator = CachingAllocator()
    held: list[Block] = []
    for _ in range(3000):
        if held and draw.random() < 0.5:
            allocator.free(held.pop(draw.randrange(len(held))))
        else:
            held.append(allocator.allocate(int(2 ** draw.uniform(0, 25))))
    ends = sorted((block.address, block.address + block.num_bytes) for block in held)
    assert all(end <= begin for (_, end), (begin, _) in itertools.pairwise(ends))
    assert allocator.allocated_bytes == sum(block.num_bytes for block in held)
    assert allocator.reserved_bytes >= allocator.allocated_bytes
    for block in held:
        allocator.free(block)
    assert allocator.allocated_bytes == 0
    free = [*allocator._small.by_address.values(), *allocator._large.by_address.values()]
    assert all(block.before is block.after is None for block in free)  # whole segments
    assert sum(block.num_bytes for block in free) == allocator.reserved_bytes
