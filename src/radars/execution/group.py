"""`Group`: the processes that train one search together, each on its part of every batch.

All make the same decisions from the same seeds and sums. What could differ all the same is taken
from the first process, and what must not differ is compared, so that processes that drift apart
stop instead of averaging gradients of different networks.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, distributed

from radars.data import Batch
from radars.errors import ConfigError, RunError
from radars.example import mapped, split_batch
from radars.execution.device import device_of
from radars.seeds import stable_seed

if TYPE_CHECKING:  # one process alone does not wait until it is imported
    from lightning_fabric import Fabric


class Group:
    """One process alone, unless Fabric says otherwise.

    Every process must call the same methods in the same order.

    Args:
        fabric: the Fabric of several processes, launched; None for one.

    Attributes:
        rank: the rank of this process, from 0.
        size: how many there are.
    """

    def __init__(self, fabric: "Fabric | None" = None) -> None:
        self._fabric = fabric
        self.rank = 0 if fabric is None else fabric.global_rank
        self.size = 1 if fabric is None else fabric.world_size

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes, and whose word counts."""
        return self.rank == 0

    def part(self, batch: Batch) -> Batch:
        """This process's part of a batch; the parts of a training batch are equally large."""
        if self.size == 1:
            return batch
        example_B = split_batch(batch.example_B, self.size)[self.rank]
        label_B = batch.label_B.tensor_split(self.size)[self.rank]
        return Batch(mapped(_copy, example_B), label_B.clone())

    def average(self, tensors: Iterable[Tensor]) -> None:
        """Averages tensors over the processes, in place and one by one: nothing more is held."""
        if self.size > 1:
            for tensor in tensors:
                self.total(tensor).div_(self.size)

    def total(self, tensor: Tensor) -> Tensor:
        """Sums a tensor over the processes, in place; returns it."""
        if self.size > 1:
            with _all_there():
                distributed.all_reduce(tensor)
        return tensor

    def largest(self, number: int) -> int:
        """The largest of the numbers that the processes gave."""
        if self.size == 1:
            return number
        numbers = self._tensor([0] * self.size)
        numbers[self.rank] = number
        return int(self.total(numbers).max())

    def any(self, *flags: bool) -> list[bool]:
        """For each flag, whether it is set in any process."""
        if self.size == 1:
            return list(flags)
        return [count > 0 for count in self.total(self._tensor([int(f) for f in flags])).tolist()]

    def follow_first(self, what: str, tensors: Iterable[Tensor]) -> None:
        """Puts what the first process has into tensors of the others, which are close to it.

        Raises:
            RunError: in every process, where one is not.
        """
        if self.size == 1:
            return
        is_far = False
        for tensor in tensors:
            own = tensor.detach().clone()
            with _all_there(), torch.no_grad():
                distributed.broadcast(tensor, src=0)
            is_far |= not torch.allclose(own, tensor, rtol=1e-3, atol=1e-5, equal_nan=True)
        if any(self.any(is_far)):
            raise self._disagreement(what, "others")

    def first_says(self, text: str) -> str:
        """What the first process gave."""
        if self.size == 1:
            return text
        data = text.encode() if self.is_first else b""
        [length] = self.total(self._tensor([len(data)])).tolist()
        content = self._tensor(list(data.ljust(length, b"\0")))
        return bytes(self.total(content).tolist()).decode()

    def first_number(self, number: float) -> float:
        """The number that the first process gave."""
        return float(self.first_says(repr(number)))

    def agree(self, what: str, value: str) -> None:
        """Checks that all processes have the same value.

        Raises:
            RunError: in every process, where one has another.
        """
        if self.size == 1:
            return
        digests = self._tensor([0] * self.size)
        digests[self.rank] = stable_seed(value)
        if len(set(self.total(digests).tolist())) > 1:
            raise self._disagreement(what, value)

    def _disagreement(self, what: str, value: str) -> RunError:
        return RunError(
            f"the {self.size} processes of a search must have the same {what}, but process "
            f"{self.rank} has {value[:80]!r} and another does not; run all on the same kind of "
            f"device, with the same files and versions"
        )

    def _tensor(self, values: list[int]) -> Tensor:
        assert self._fabric is not None
        return torch.tensor(values, dtype=torch.int64, device=self._fabric.device)


@contextmanager
def new_group(num_processes: int, device_name: str) -> Iterator[Group]:
    """Starts the other processes, by running the command again, or joins those that are there.

    Processes that `torchrun` or a cluster's scheduler started are joined, too.

    Args:
        num_processes: how many there are on this machine; 1 for this process alone.
        device_name: `cpu`, `cuda` or `auto`.

    Raises:
        ConfigError: the device does not go with several processes.
    """
    if num_processes == 1:
        yield Group()
        return
    if ":" in device_name:
        raise ConfigError(
            f"each of {num_processes} processes has a GPU of its own, but the device is "
            f"{device_name!r}; use cuda, and CUDA_VISIBLE_DEVICES to choose among them"
        )
    from radars.execution.fabric import data_parallel_fabric  # as above

    yield Group(data_parallel_fabric(num_processes, device_of(device_name)))


def _copy(part_B: Any) -> Any:
    """A tensor of its own: a part of another holds all of it. Raw images go to a GPU anyway."""
    return part_B.clone() if isinstance(part_B, Tensor) else part_B


def is_first_process() -> bool:
    """Whether this is no process that another one started to train with it."""
    return os.environ.get("LOCAL_RANK", "0") == "0"


@contextmanager
def _all_there() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise RunError(
            "the processes of a search must all continue, but one of them is gone; see what it "
            "said, then continue with --resume"
        ) from error
