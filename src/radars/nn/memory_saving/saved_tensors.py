"""What a backward pass gets its tensors from: those that were kept, or how they are made again."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from radars._torch_internals import version_of


class TensorSource(ABC):
    """What the backward pass gets a tensor from.

    Attributes:
        operations: how many it takes to make the tensor.
    """

    operations = 0

    @abstractmethod
    def value(self) -> Tensor:
        """The tensor, as it was."""

    def peek(self) -> Tensor:
        """The tensor, for one that makes another from it."""
        return self.value()


class Kept(TensorSource):
    """A tensor that is there."""

    def __init__(self, tensor: Tensor) -> None:
        self._tensor = tensor.detach()
        self._version = version_of(tensor)

    def value(self) -> Tensor:
        """The tensor.

        Raises:
            RuntimeError: it was changed since.
        """
        if version_of(self._tensor) != self._version:
            raise RuntimeError(
                "a tensor that the backward pass needs was changed in place after it was used; "
                "change a copy of it, or set memory_savings.selective=false"
            )
        return self._tensor


class Recipe(TensorSource):
    """How to make a tensor again.

    Args:
        make: makes the tensor from those of `sources`.
        sources: the tensors that it depends on.
    """

    def __init__(self, make: Callable[..., Tensor], sources: Sequence[TensorSource] = ()) -> None:
        self._make = make
        self._sources = sources
        self._made: Tensor | None = None
        self._num_users = self._num_waiting = 0
        self.operations = 1 + sum(source.operations for source in sources)

    def add_user(self) -> None:
        """Somebody asks for the tensor in the backward pass."""
        self._num_users += 1
        self._num_waiting += 1

    def value(self) -> Tensor:
        """The tensor, which stays until the last of its users has asked."""
        made = self.peek()
        self._leave()
        return made

    def value_or_source(self) -> Tensor:
        """The tensor, or the first that it is made from: what takes less."""
        if self._made is not None or self._num_waiting > 1:
            return self.value()
        self._leave()
        return self._sources[0].peek()

    def peek(self) -> Tensor:
        """The tensor, for one that is not a user; it stays if a user waits for it."""
        made = self._made
        if made is None:
            with torch.no_grad():
                made = self._make(*(source.peek() for source in self._sources))
        if self._num_waiting:
            self._made = made
        return made

    @property
    def is_passed_on(self) -> bool:
        """Whether what was made last is now with whoever asked for it, and nobody else."""
        return self._made is None

    def _leave(self) -> None:
        self._num_waiting -= 1
        if not self._num_waiting:
            self._made = None
            self._num_waiting = self._num_users  # for another backward pass


@dataclass(frozen=True)
class Sign(TensorSource):
    """What a ReLU asks for: where it returned more than zero, which its input says as well."""

    result: Recipe

    def value(self) -> Tensor:
        """What it returned, or its input."""
        return self.result.value_or_source()


@dataclass(frozen=True)
class Shape(TensorSource):
    """That of a tensor whose numbers nobody asks for."""

    size: torch.Size
    strides: tuple[int, ...]
    dtype: torch.dtype
    device: torch.device

    @staticmethod
    def of(tensor: Tensor) -> "Shape":
        """The shape of a tensor."""
        return Shape(tensor.shape, tensor.stride(), tensor.dtype, tensor.device)

    def value(self) -> Tensor:
        """A tensor of that shape, with any numbers."""
        return torch.empty_strided(self.size, self.strides, dtype=self.dtype, device=self.device)
