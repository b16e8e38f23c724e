"""Selective recomputation: of a forward pass, what is cheap to compute again is not kept.

Between two convolutions a network keeps three maps for its backward pass: what BatchNorm reads,
what it returns, and what ReLU makes of that. The latter two follow from the first in a moment, as
the statistics of the batch are known by then. So the backward pass makes them again where it needs
them (Chen et al. 2016, arXiv 1604.06174, section 4: "drop the result of low cost operations"). A
convolution is run again only where that, too, takes about as long as to write down its output: at
single pixels, of few channels, and to as many at least, so that its input takes less. Nor is the
input of a convolution kept whose weights are frozen: its backward pass asks for the input's shape,
and nothing else.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any
from weakref import ref

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from radars._torch_internals import (
    batch_statistics,
    storage_key,
    top_saved_tensors_hooks,
    version_of,
)
from radars.nn.memory_saving.cheap_calls import (
    ADD,
    CHEAP,
    OUT_OF_PLACE,
    RELU,
    WITH_SWITCH,
    CheapCall,
    in_precision,
    is_cheap_convolution,
    normalised,
)
from radars.nn.memory_saving.saved_tensors import Kept, Recipe, Shape, Sign, TensorSource

_MAX_OPERATIONS = 4  # between what is kept and what is not: a residual network is a chain of them
_BATCH_NORM = inspect.signature(functional.batch_norm)
_CONVOLUTIONS = {torch.conv1d, torch.conv2d, torch.conv3d}


@contextmanager
def selective() -> Iterator[None]:
    """Within, a forward pass keeps no map that is cheap to compute again.

    Results are those without it, and gradients too, but for rounding. What a checkpoint within it
    keeps is the checkpoint's affair. A tensor that was kept, and is changed in place before the
    backward pass, is refused there (`RuntimeError`), as PyTorch refuses it.
    """
    ledger = _Ledger()
    token = _current.set(ledger)
    try:
        with ledger, saved_tensors_hooks(ledger.pack, lambda saved: saved.value()):
            yield
    finally:
        _current.reset(token)


@contextmanager
def all_kept() -> Iterator[None]:
    """Within, a forward pass keeps all that it makes, in a `selective` one too."""
    ledger = _current.get()
    if ledger is None:
        yield
        return
    was_on, ledger.is_on = ledger.is_on, False
    try:
        yield
    finally:
        ledger.is_on = was_on


class _Ledger(TorchFunctionMode):
    """Knows how tensors were made, and decides what is kept of them.

    Attributes:
        is_on: whether what is made now is noted.
    """

    def __init__(self) -> None:
        super().__init__()
        self.is_on = True
        self._known: dict[int, tuple[ref[Tensor], int, Recipe]] = {}
        self._pending: tuple[Recipe, Tensor, int] | None = None  # of a ReLU: its input, as it was
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
            if func in CHEAP and _has_tensor(args, requires_grad=True):
                return self._run_cheap(func, args, kwargs)
            if func in _CONVOLUTIONS:
                return self._run_convolution(func, args, kwargs)
            result = func(*args, **kwargs)
            if func is functional.batch_norm:
                self._note_normalised(result, _BATCH_NORM.bind(*args, **kwargs).arguments)
            elif func is torch.zeros_like:
                shape = Shape.of(result)
                self._note(result, Recipe(lambda: shape.value().zero_()))
            return result
        return func(*args, **kwargs)

    def pack(self, tensor: Tensor) -> TensorSource:
        """What is kept of a tensor that the backward pass asks for."""
        if _storage(tensor) == self._frozen_input:
            return Shape.of(tensor)
        recipe = self._find(tensor)
        if recipe is not None:
            recipe.add_user()
            return recipe
        if self._pending is not None:
            recipe, relu_input, version = self._pending
            is_changed = version_of(tensor) > version
            is_result = is_changed or _storage(tensor) != _storage(relu_input)
            if is_result:
                recipe.add_user()
                return Sign(recipe)
        return Kept(tensor)

    def _decides(self) -> bool:
        """Whether it is on, and asked what is kept, and no checkpoint within it."""
        if not self.is_on:
            return False
        hooks = top_saved_tensors_hooks()
        return hooks is not None and hooks[0] == self.pack

    def _find(self, tensor: Tensor) -> Recipe | None:
        """How a tensor can be made again, if it is known, and as it was."""
        known = self._known.get(_storage(tensor))
        if known is None:
            return None
        reference, version, recipe = known
        noted = reference()
        is_it = (
            noted is not None
            and version_of(tensor) == version
            and tensor.dtype == noted.dtype
            and tensor.shape == noted.shape
            and tensor.stride() == noted.stride()
        )
        return recipe if is_it else None

    def _source(self, tensor: Tensor) -> TensorSource:
        return self._find(tensor) or Kept(tensor)

    def _note(self, tensor: Tensor, recipe: Recipe) -> None:
        if recipe.operations > _MAX_OPERATIONS:
            return
        storage = _storage(tensor)

        def forget(dead: ref[Tensor]) -> None:
            if storage in self._known and self._known[storage][0] is dead:
                del self._known[storage]

        self._known[storage] = ref(tensor, forget), version_of(tensor), recipe

    def _run_cheap(
        self, func: Callable[..., Tensor], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Tensor:
        tensors = [value for value in args if isinstance(value, Tensor)]
        sources = [self._source(tensor) for tensor in tensors]
        num_kept = sum(isinstance(source, Kept) for source in sources)
        settings = (*args[1:], *kwargs.values())
        is_switched = func in WITH_SWITCH and any(value is True for value in settings)
        is_gone = (is_switched or func in OUT_OF_PLACE) and isinstance(sources[0], Kept)
        if is_gone or (func in ADD and num_kept > 1) or _has_tensor(kwargs.values()):
            return func(*args, **kwargs)  # made from what is gone, or is more than the result
        recipe = Recipe(CheapCall(func, args, kwargs, sources[0]), sources)
        if func in RELU and recipe.operations <= _MAX_OPERATIONS:
            self._pending = recipe, tensors[0], version_of(tensors[0])
        try:
            result = func(*args, **kwargs)
        finally:
            self._pending = None
        self._note(result, recipe)
        return result

    def _run_convolution(
        self, func: Callable[..., Tensor], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Tensor:
        """Runs a convolution; where its weights are frozen, its input is told by its place."""
        is_frozen = not _has_tensor(args[1:2], requires_grad=True)
        self._frozen_input = _storage(args[0]) if is_frozen and len(args) > 1 else None
        try:
            result = func(*args, **kwargs)
        finally:
            self._frozen_input = None
        by_place = result.requires_grad and len(args) > 1 and not kwargs
        if by_place and is_cheap_convolution(args[0], args[1], result):
            sources = [self._source(value) for value in args if isinstance(value, Tensor)]
            call = CheapCall(func, args, kwargs, sources[0])
            self._note(result, Recipe(partial(in_precision, result.dtype, call), sources))
        return result

    def _note_normalised(self, result: Tensor, arguments: Mapping[str, Any]) -> None:
        statistics = batch_statistics(result) if arguments.get("training") else None
        if statistics is not None:
            normalise = partial(
                normalised,
                weight=arguments.get("weight"),
                bias=arguments.get("bias"),
                mean=statistics[0],
                scale=statistics[1],
            )
            self._note(result, Recipe(normalise, [self._source(arguments["input"])]))


_current: ContextVar[_Ledger | None] = ContextVar("selective", default=None)


def _has_tensor(values: Iterable[Any], *, requires_grad: bool = False) -> bool:
    return any(
        isinstance(value, Tensor) and (value.requires_grad or not requires_grad) for value in values
    )


def _storage(tensor: Tensor) -> int:
    return storage_key(tensor.untyped_storage())
