"""`predict_reserved`: what CUDA's allocator takes from the driver for the steps of a subspace.

It is more than tensors hold: small tensors share segments of 2 MiB, larger ones of 20 MiB, and what
is free in a segment may be too small for what comes next. The order in which a step on fake tensors
makes and frees its own is replayed through a model of the allocator, as xMem does (arXiv
2510.21048), several times over: what a step leaves behind counts in the next one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from radars.memory.allocation_order import AllocationOrder
from radars.memory.caching_allocator import Block, CachingAllocator
from radars.memory.predict import TrainingSpec, kinds_of, trace_step, traced_supernet
from radars.nn.memory_saving.savings import PLAIN, MemorySavings
from radars.nn.steps import StepKind
from radars.nn.supernet import Weigh
from radars.space import Architecture, SearchSpace, Subspace

TrainedStep = tuple[StepKind, MemorySavings]
"""A kind of step, and what trades time for memory in it."""

_ROUNDS = 3  # of all steps; from the second on, most find all that they need
_WORKSPACES = 2  # of equal size, that the floor of a GPU consists of


@dataclass(frozen=True)
class ReservedMemory:
    """What the allocator has at its peak.

    Attributes:
        reserved_bytes: the size of the segments from the driver.
        allocated_bytes: the size of the blocks that tensors are in.
    """

    reserved_bytes: int
    allocated_bytes: int


def predict_reserved(
    space: SearchSpace,
    subspace: Subspace | Architecture,
    spec: TrainingSpec,
    steps: Sequence[TrainedStep] | None = None,
    weigh: Weigh | None = None,
) -> ReservedMemory:
    """Predicts what the allocator of CUDA reserves while a subspace is trained.

    It is that of a process that does nothing else: networks that were trained before may leave
    segments of which a part is still in use. It knows the allocator's usual settings, not those of
    `PYTORCH_ALLOC_CONF`.

    Args:
        space: the search space.
        subspace: the live candidates; with an architecture, the steps are those of one path.
        spec: batch, optimizers, precision, and the floor of the device.
        steps: those that are run in turn; by default plain ones of `spec.training_kinds`. An
            architecture step is left out where nothing is left to choose.
        weigh: as for `predict`.
    """
    subspace = subspace.as_subspace()
    known = dict(steps or [(kind, PLAIN) for kind in spec.training_kinds])
    kinds = known if weigh is not None else kinds_of(subspace, known)
    orders: list[AllocationOrder] = []
    with traced_supernet(space, subspace, spec, weigh=weigh) as supernet:
        for kind in kinds:
            savings, order = known[kind], AllocationOrder()
            supernet.set_savings(savings)
            trace_step(kind, supernet, spec, savings.micro_batches, order)
            orders.append(order)
    return replayed(orders, spec.floor_bytes)


def replayed(orders: Sequence[AllocationOrder], floor_bytes: int = 0) -> ReservedMemory:
    """Runs steps through a model of the allocator, one after another, several times.

    Args:
        orders: one for each step. Before it, what is there is made that of its `resident`.
        floor_bytes: the size of the libraries' workspaces, which are there first.
    """
    allocator = CachingAllocator()
    if floor_bytes:
        for _ in range(_WORKSPACES):
            allocator.allocate(floor_bytes // _WORKSPACES)
    held: dict[int, Block] = {}
    for order in [*orders] * _ROUNDS:
        _hold(allocator, held, order.resident)
        _run(allocator, held, order)
    return ReservedMemory(allocator.reserved_bytes, allocator.peak_allocated_bytes)


def _hold(allocator: CachingAllocator, held: dict[int, Block], resident: dict[int, int]) -> None:
    """Frees what the step before left, and makes what the next one begins with."""
    for name, block in list(held.items()):
        if resident.get(name) != block.tensor_bytes:
            allocator.free(held.pop(name))
    for name, num_bytes in resident.items():
        if name not in held and num_bytes:
            held[name] = allocator.allocate(num_bytes)


def _run(allocator: CachingAllocator, held: dict[int, Block], order: AllocationOrder) -> None:
    for name, num_bytes in order.events:
        if num_bytes:
            held[name] = allocator.allocate(num_bytes)
        elif name in held:
            allocator.free(held.pop(name))
