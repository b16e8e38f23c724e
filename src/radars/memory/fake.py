"""`tracing`: fake tensors, on which what an operation returns is worked out once for all alike."""

import gc
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor

from radars._torch_internals import (
    UNSAFE_VIEW,
    FakeTensor,
    FakeTensorMode,
    OpOverload,
    default_device,
    in_kernel_invocation_manager,
    storage_key,
    tree_iter,
    writes_to_arguments,
)
from radars.memory.fake_kernels import CORRECTED, REPLACED, ByOneDNN

_Key = tuple[object, ...]
_NUMBERS = (float, int, bool)
_SETTINGS = (str, type(None), torch.dtype, torch.device, torch.layout, torch.memory_format)
_FLOATS = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
_INTEGERS = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool)
_DTYPES = frozenset((*_FLOATS, *_INTEGERS))
_NOT_TOLD_BY_SHAPES = {
    torch.Tag.data_dependent_output,
    torch.Tag.dynamic_output_shape,
    torch.Tag.inplace_view,
}
_MOST_PARTS = 1000  # of what is remembered: a list of all weights comes once a step
_VIEWS = {UNSAFE_VIEW}  # which says that it is none
_ABSOLUTE = {torch.ops.aten.as_strided.default}  # its view starts where it says, not the argument


@contextmanager
def tracing() -> Iterator[None]:
    """Within, tensors are fake: they have shapes, types and devices, and nothing is allocated.

    Python looks for no reference cycles meanwhile, of which a trace has none: looking through its
    hundred thousands of objects would be a good part of the time.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        # tensors that a loss holds, such as the weights of classes, are made fake as they are met
        with warnings.catch_warnings(), _RememberingMode(allow_non_fake_inputs=True), ByOneDNN():
            # of a copy of a tensor, which asks for the memory before it looks what it copies
            warnings.filterwarnings("ignore", "Accessing the data pointer of FakeTensor")
            yield
    finally:
        if was_enabled:
            gc.enable()


class _Output(NamedTuple):
    """A tensor that an operation returned: one of its arguments, a view of one, or a new one."""

    shape: tuple[int, ...]
    stride: tuple[int, ...]
    offset: int
    dtype: torch.dtype
    device: torch.device
    argument: int | None
    is_view: bool


@dataclass(frozen=True)
class _Result:
    """What an operation returned: nothing, a tensor, or a list or tuple of tensors."""

    container: Callable[[Sequence[Any]], Any] | None
    outputs: tuple[_Output | None, ...]


class _CorrectedMode(FakeTensorMode):  # type: ignore[no-untyped-call]
    """Returns what kernels return where PyTorch's fake ones return something that holds less."""

    def __torch_dispatch__(
        self,
        func: OpOverload,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> object:
        """Runs an operation.

        Real tensors, such as those that a loss holds, are made fake; those of another trace are
        not, which they would be too.
        """
        for value in tree_iter((args, kwargs)):
            if isinstance(value, FakeTensor) and value.fake_mode is not self:
                raise AssertionError(f"{func} got a tensor of another fake mode than {self}")
        if func in REPLACED:
            return REPLACED[func](self, args)
        returned: Any = super().__torch_dispatch__(func, types, args, kwargs or {})
        return CORRECTED[func](self, returned, args) if func in CORRECTED else returned

    def __deepcopy__(self, memo: object) -> "_CorrectedMode":
        """Itself: copies of its tensors, as `nn.TransformerEncoder` makes some, are its too."""
        return self


class _RememberingMode(_CorrectedMode):  # type: ignore[no-untyped-call]
    """Returns at once what an operation returned on arguments of the same shapes and settings.

    `FakeTensorMode` remembers, too, but with all that a compiler distinguishes, such as symbolic
    shapes; a step of a supernet, which does the same a thousand times, takes it half as long again.
    Only what is plain is remembered: operations on strided tensors without values that return new
    tensors, arguments that they wrote to, or views of an argument. All else is left to it.
    """

    _known: ClassVar[dict[_Key, _Result | None]] = {}

    def __torch_dispatch__(
        self,
        func: OpOverload,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> object:
        """Runs an operation, or returns what it would."""
        kwargs = kwargs or {}
        key = self._key(func, args, kwargs)
        result = None if key is None else self._known.get(key)
        if result is not None:
            return self._again(result, args)
        returned = super().__torch_dispatch__(func, types, args, kwargs)
        if key is not None and key not in self._known:
            result = self._known[key] = _noted(func, args, kwargs, returned)
        return returned if result is None else self._again(result, args)

    def _key(self, func: OpOverload, args: Sequence[Any], kwargs: Mapping[str, Any]) -> _Key | None:
        """What the result depends on; None where that is not known."""
        parts: list[object] = [
            func,
            torch.get_default_dtype(),
            default_device(),
            torch.is_inference_mode_enabled(),
        ]
        if not self._add_parts(parts, args):
            return None
        if kwargs:
            parts += kwargs
            if not self._add_parts(parts, kwargs.values()):
                return None
        return tuple(parts) if len(parts) <= _MOST_PARTS else None

    def _add_parts(self, parts: list[object], values: Any) -> bool:
        """Appends what counts of each value; False where one is of an unknown kind."""
        for value in values:
            kind = type(value)
            if kind is FakeTensor:
                if value.fake_mode is not self or not _is_plain(value):
                    return False
                parts += (value.shape, value.stride(), value.dtype, value.fake_device)
            elif kind in _NUMBERS:
                parts += (kind, value)
            elif isinstance(value, list | tuple):
                parts.append(len(value))
                if not self._add_parts(parts, value):
                    return False
            elif isinstance(value, _SETTINGS):
                parts.append(value)
            else:
                return False
        return True

    def _again(self, result: _Result, args: Sequence[Any]) -> object:
        made = [None if output is None else self._made(output, args) for output in result.outputs]
        return made[0] if result.container is None else result.container(made)

    def _made(self, output: _Output, args: Sequence[Any]) -> Tensor:
        shape, stride, offset, dtype, device, argument, is_view = output
        if argument is not None and not is_view:
            written: Tensor = args[argument]
            return written
        with in_kernel_invocation_manager(self):
            on_meta = torch.empty_strided(shape, stride, dtype=dtype, device="meta")
            if argument is not None:
                viewed = args[argument]
                offset += viewed.storage_offset()
                on_meta.set_(viewed.untyped_storage(), offset, shape, stride)
        return FakeTensor(self, on_meta, device)


def _noted(
    func: object, args: Sequence[Any], kwargs: Mapping[str, Any], returned: Any
) -> _Result | None:
    """What an operation returned; None where it cannot be made again from that."""
    if not isinstance(func, OpOverload) or func.namespace != "aten" or func in _ABSOLUTE:
        return None
    if _NOT_TOLD_BY_SHAPES.intersection(func.tags):
        return None
    if returned is None:
        return _Result(None, (None,))
    container = next((kind for kind in (list, tuple) if isinstance(returned, kind)), None)
    given = {id(value) for value in tree_iter((args, kwargs))}  # keywords and lists, too
    outputs: list[_Output | None] = []
    for value in (returned,) if container is None else returned:
        output = None if value is None else _output(func, args, given, value)
        if value is not None and output is None:
            return None
        outputs.append(output)
    return _Result(container, tuple(outputs))


def _output(
    func: OpOverload, args: Sequence[Any], given: Collection[int], value: object
) -> _Output | None:
    """One of the tensors that an operation returned; None where it cannot be made again.

    Whether it may share memory with an argument, is for the operation to say: PyTorch runs some as
    others that may return a view, such as `channel_shuffle`, where real tensors are copied.

    Args:
        func: the operation.
        args: its arguments.
        given: the addresses of all that it was given.
        value: the tensor.
    """
    if type(value) is not FakeTensor or not _is_plain(value):
        return None
    shape, stride = tuple(value.shape), value.stride()
    offset, device = int(value.storage_offset()), value.fake_device
    argument, is_view = None, func.is_view or func in _VIEWS
    if is_view:
        storage = storage_key(value.untyped_storage())
        tensors = [(index, arg) for index, arg in enumerate(args) if type(arg) is FakeTensor]
        viewed = [i for i, arg in tensors if storage_key(arg.untyped_storage()) == storage]
        if not viewed:
            return None
        argument = viewed[0]
        offset -= int(args[argument].storage_offset())
    elif writes_to_arguments(func):
        argument = next((index for index, arg in enumerate(args) if arg is value), None)
        if argument is None and id(value) in given:
            return None
    if argument is None:
        reach = sum((size - 1) * step for size, step in zip(shape, stride, strict=True)) + 1
        num_bytes = reach * value.itemsize if value.numel() else 0
        if offset or value.untyped_storage().nbytes() != num_bytes:
            return None
    return _Output(shape, stride, offset, value.dtype, device, argument, is_view)


def _is_plain(tensor: FakeTensor) -> bool:
    """Whether shape, strides, type and device tell all about a fake tensor."""
    return (
        tensor.constant is None
        and tensor.dtype in _DTYPES
        and tensor.layout is torch.strided
        and not tensor.is_neg()
    )
