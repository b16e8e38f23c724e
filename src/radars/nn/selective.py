"""Selective recomputation: of a forward pass, what is cheap to compute again is not kept.

Between two convolutions a network keeps three maps for its backward pass: what BatchNorm reads,
what it returns, and what ReLU makes of that. The latter two follow from the first in a moment, as
the statistics of the batch are known by then. So the backward pass makes them again where it needs
them, and convolutions are not run again (Chen et al. 2016, arXiv 1604.06174, section 4: "drop the
result of low cost operations"). Nor is the input of a convolution kept whose weights are frozen:
its backward pass asks for the input's shape, and nothing else.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any
from weakref import ref

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.nn import functional
from torch.overrides import TorchFunctionMode

_MAX_OPERATIONS = 4  # between what is kept and what is not: a residual network is a chain of them
_RELU = {functional.relu, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_}
_ADD = {torch.add, Tensor.add, Tensor.add_}
_CHEAP = {
    *_RELU,
    *_ADD,
    functional.relu6,
    functional.hardtanh,
    functional.hardswish,
    functional.silu,
    functional.gelu,
    torch.mul,
    Tensor.mul,
    Tensor.mul_,
}
_OUT_OF_PLACE: dict[Callable[..., Tensor], Callable[..., Tensor]] = {
    torch.relu_: torch.relu,
    Tensor.relu_: torch.relu,
    Tensor.add_: torch.add,
    Tensor.mul_: torch.mul,
}
_CONVOLUTIONS = {torch.conv1d, torch.conv2d, torch.conv3d}


@contextmanager
def selective() -> Iterator[None]:
    """Within, a forward pass keeps no map that is cheap to compute again.

    Results are those without it, and gradients too, but for rounding. What a checkpoint within it
    keeps is the checkpoint's affair. A tensor that was kept, and is changed in place before the
    backward pass, is refused there (`RuntimeError`), as PyTorch refuses it.
    """
    ledger = _Ledger()
    with ledger, saved_tensors_hooks(ledger.pack, lambda saved: saved.value()):
        yield


class _Saved(ABC):
    """What the backward pass gets a tensor from.

    Attributes:
        operations: how many it takes to make the tensor.
    """

    operations = 0

    @abstractmethod
    def value(self) -> Tensor:
        """The tensor, as it was."""


class _Kept(_Saved):
    """A tensor that is there."""

    def __init__(self, tensor: Tensor) -> None:
        self._tensor = tensor.detach()
        self._version = tensor._version

    def value(self) -> Tensor:
        """The tensor.

        Raises:
            RuntimeError: it was changed since.
        """
        if self._tensor._version != self._version:
            raise RuntimeError(
                "a tensor that the backward pass needs was changed in place after it was used; "
                "change a copy of it, or set levers.selective=false"
            )
        return self._tensor


class _Recipe(_Saved):
    """How to make a tensor again.

    Args:
        make: of the tensors that it is made from.
        sources: those.
    """

    def __init__(self, make: Callable[..., Tensor], sources: Sequence[_Saved] = ()) -> None:
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
        return _peeked(self._sources[0])

    def peek(self) -> Tensor:
        """The tensor, for one that is not a user; it stays if any user waits."""
        made = self._made
        if made is None:
            with torch.no_grad():
                made = self._make(*map(_peeked, self._sources))
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
class _Sign(_Saved):
    """What a ReLU asks for: where it returned more than zero, which its input says as well."""

    result: _Recipe

    def value(self) -> Tensor:
        """What it returned, or its input."""
        return self.result.value_or_source()


@dataclass(frozen=True)
class _Shape(_Saved):
    """That of a tensor whose numbers nobody asks for."""

    size: torch.Size
    strides: tuple[int, ...]
    dtype: torch.dtype
    device: torch.device

    @staticmethod
    def of(tensor: Tensor) -> "_Shape":
        """The shape of a tensor."""
        return _Shape(tensor.shape, tensor.stride(), tensor.dtype, tensor.device)

    def value(self) -> Tensor:
        """A tensor of that shape, with any numbers."""
        return torch.empty_strided(self.size, self.strides, dtype=self.dtype, device=self.device)


class _Ledger(TorchFunctionMode):
    """Knows how tensors were made, and decides what is kept of them."""

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[int, tuple[ref[Tensor], int, _Recipe]] = {}
        self._pending: tuple[_Recipe, Tensor, int] | None = None  # of a ReLU: its input, as it was
        self._frozen_input: int | None = None

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Runs a function, and notes how its result can be made again."""
        kwargs = kwargs or {}
        if torch.is_grad_enabled() and self._decides():
            if func in _CHEAP and any(isinstance(v, Tensor) and v.requires_grad for v in args):
                return self._run_cheap(func, args, kwargs)
            if func in _CONVOLUTIONS and not args[1].requires_grad:
                return self._run_frozen(func, args, kwargs)
            if func is functional.batch_norm:
                return self._run_batch_norm(*args, **kwargs)
            if func is torch.zeros_like:
                result = func(*args, **kwargs)
                shape = _Shape.of(result)
                self._note(result, _Recipe(lambda: shape.value().zero_()))
                return result
        return func(*args, **kwargs)

    def pack(self, tensor: Tensor) -> _Saved:
        """What is kept of a tensor that the backward pass asks for."""
        if _storage(tensor) == self._frozen_input:
            return _Shape.of(tensor)
        recipe = self._find(tensor)
        if recipe is not None:
            recipe.add_user()
            return recipe
        if self._pending is not None:
            recipe, relu_input, version = self._pending
            is_result = tensor._version > version or _storage(tensor) != _storage(relu_input)
            if is_result:
                recipe.add_user()
                return _Sign(recipe)
        return _Kept(tensor)

    def _decides(self) -> bool:
        """Whether it is asked what is kept, and no checkpoint within it."""
        hooks = torch._C._autograd._top_saved_tensors_default_hooks(False)
        return hooks is not None and hooks[0] == self.pack

    def _find(self, tensor: Tensor) -> _Recipe | None:
        """How a tensor can be made again, if it is known, and as it was."""
        known = self._known.get(_storage(tensor))
        if known is None:
            return None
        reference, version, recipe = known
        noted = reference()
        is_it = (
            noted is not None
            and tensor._version == version
            and tensor.dtype == noted.dtype
            and tensor.shape == noted.shape
            and tensor.stride() == noted.stride()
        )
        return recipe if is_it else None

    def _source(self, tensor: Tensor) -> _Saved:
        return self._find(tensor) or _Kept(tensor)

    def _note(self, tensor: Tensor, recipe: _Recipe) -> None:
        if recipe.operations > _MAX_OPERATIONS:
            return
        storage = _storage(tensor)

        def forget(dead: ref[Tensor]) -> None:
            if storage in self._known and self._known[storage][0] is dead:
                del self._known[storage]

        self._known[storage] = ref(tensor, forget), tensor._version, recipe

    def _run_cheap(
        self, func: Callable[..., Tensor], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Tensor:
        tensors = [value for value in args if isinstance(value, Tensor)]
        sources = [self._source(tensor) for tensor in tensors]
        num_kept = sum(isinstance(source, _Kept) for source in sources)
        is_in_place = func.__name__.endswith("_") or kwargs.get("inplace", False)
        if (is_in_place and isinstance(sources[0], _Kept)) or (func in _ADD and num_kept > 1):
            return func(*args, **kwargs)  # what it is made from is gone, or is more than the result
        others = [None if isinstance(value, Tensor) else value for value in args]
        options = {name: value for name, value in kwargs.items() if name != "inplace"}
        recipe = _Recipe(partial(_again, func, others, options, sources[0]), sources)
        if func in _RELU and recipe.operations <= _MAX_OPERATIONS:
            self._pending = recipe, tensors[0], tensors[0]._version
        try:
            result = func(*args, **kwargs)
        finally:
            self._pending = None
        self._note(result, recipe)
        return result

    def _run_frozen(
        self, func: Callable[..., Tensor], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Tensor:
        """Runs a convolution whose weights take no gradient."""
        self._frozen_input = _storage(args[0])
        try:
            return func(*args, **kwargs)
        finally:
            self._frozen_input = None

    def _run_batch_norm(
        self,
        image: Tensor,
        running_mean: Tensor | None,
        running_var: Tensor | None,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        training: bool = False,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ) -> Tensor:
        result = functional.batch_norm(
            image, running_mean, running_var, weight, bias, training, momentum, eps
        )
        node: Any = result.grad_fn
        if training and hasattr(node, "_saved_result2"):  # whatever the backend's name for it
            mean, scale = node._saved_result1, node._saved_result2
            normalise = partial(_normalised, weight=weight, bias=bias, mean=mean, scale=scale)
            self._note(result, _Recipe(normalise, [self._source(image)]))
        return result


def _peeked(saved: _Saved) -> Tensor:
    return saved.peek() if isinstance(saved, _Recipe) else saved.value()


def _again(
    func: Callable[..., Tensor],
    others: Sequence[Any],
    options: dict[str, Any],
    source: _Saved,
    *tensors: Tensor,
) -> Tensor:
    """Runs a function again, of these tensors where its arguments were tensors."""
    if func in _RELU and isinstance(source, _Recipe) and source.is_passed_on:
        return tensors[0].relu_()
    rest = iter(tensors)
    args = (next(rest) if other is None else other for other in others)
    return _OUT_OF_PLACE.get(func, func)(*args, **options)


def _normalised(
    image: Tensor, weight: Tensor | None, bias: Tensor | None, mean: Tensor, scale: Tensor
) -> Tensor:
    """BatchNorm with statistics that are known; `scale` is 1 / sqrt(variance + eps)."""
    variance = scale.pow(-2)
    return torch.native_batch_norm(image, weight, bias, mean, variance, False, 0.0, 0.0)[0]


def _storage(tensor: Tensor) -> int:
    key: int = tensor.untyped_storage()._cdata
    return key
