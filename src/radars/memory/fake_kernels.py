"""What kernels return where PyTorch's fake ones return something that holds less.

A fake kernel has the shapes of what is returned, but not always its type, nor the memory behind it.
`tests/memory/test_layers.py` compares all layers of `torch.nn`, fake and real.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from radars._torch_internals import (
    LSTM,
    FakeTensor,
    FakeTensorMode,
    OpOverload,
    in_kernel_invocation_manager,
)

_Replacement = Callable[[FakeTensorMode, Sequence[Any]], object]
_Correction = Callable[[FakeTensorMode, Any, Sequence[Any]], object]
_onednn_layer: Callable[..., Sequence[Tensor]] = torch.mkldnn_rnn_layer
_ONEDNN_TYPES = (torch.float32, torch.bfloat16, torch.float16)


def _statistics(mode: FakeTensorMode, returned: Any, args: Sequence[Any]) -> object:
    """Statistics are float32 where weights are and inputs are narrow, as autocast has them."""
    output, *statistics = returned
    if any(isinstance(value, Tensor) and value.dtype is torch.float32 for value in args):
        statistics = [value.float() for value in statistics]
    return output, *statistics


def _folded(mode: FakeTensorMode, returned: Any, args: Sequence[Any]) -> object:
    """An image that lies in what was made as large as the columns."""
    columns = args[0]
    size = max(columns.numel(), returned.numel())
    return _fresh(mode, returned, storage_size=size)


def _rnn_layer(mode: FakeTensorMode, args: Sequence[Any]) -> object:
    """What a layer of oneDNN returns: outputs, both states, and what its backward pass needs."""
    inputs, weight, hidden, cell = args[0], args[1:5], args[5], args[6]
    length, batch_size, input_size = inputs.shape
    num_bytes = _rnn_workspace_bytes(
        (length, batch_size, input_size, hidden.shape[-1]),
        inputs.dtype,
        weight[0].dtype,
        (args[7], *args[9:]),
    )
    output = _fresh(mode, inputs, (length, batch_size, hidden.shape[-1]))
    workspace = _fresh(mode, inputs, (num_bytes,), torch.uint8)
    return output, _fresh(mode, hidden), _fresh(mode, cell), workspace


def _rnn_layer_backward(mode: FakeTensorMode, args: Sequence[Any]) -> object:
    """The gradients of its input, of its weights, and of both states, whatever their type."""
    inputs, *weights = args[:3]
    biases = [weights[0].shape[:1]] * 2
    shapes = [value.shape for value in (inputs, *weights)] + biases + [args[5].shape, args[6].shape]
    return tuple(_fresh(mode, inputs, shape, torch.float32) for shape in shapes)


@cache
def _rnn_workspace_bytes(
    sizes: tuple[int, int, int, int],
    dtype: torch.dtype,
    weight_dtype: torch.dtype,
    settings: tuple[int | bool, ...],
) -> int:
    """What only oneDNN knows, so that one layer is run."""
    length, batch_size, input_size, hidden_size = sizes
    weights = [
        torch.zeros(*shape, dtype=weight_dtype)
        for shape in (
            (4 * hidden_size, input_size),
            (4 * hidden_size, hidden_size),
            (4 * hidden_size,),
            (4 * hidden_size,),
        )
    ]
    inputs = torch.zeros(length, batch_size, input_size, dtype=dtype)
    state = torch.zeros(batch_size, hidden_size, dtype=dtype)
    is_reverse, *rest = settings
    layer = _onednn_layer(inputs, *weights, state, state, is_reverse, [], *rest)
    num_bytes: int = layer[3].nbytes
    return num_bytes


REPLACED: Mapping[OpOverload, _Replacement] = {
    torch.ops.aten.mkldnn_rnn_layer.default: _rnn_layer,
    torch.ops.aten.mkldnn_rnn_layer_backward.default: _rnn_layer_backward,
}
"""Operator to what makes its result from its arguments."""

CORRECTED: Mapping[OpOverload, _Correction] = {
    torch.ops.aten.native_batch_norm.default: _statistics,
    torch.ops.aten.native_layer_norm.default: _statistics,
    torch.ops.aten.native_group_norm.default: _statistics,
    torch.ops.aten.col2im.default: _folded,
}
"""Operator to what makes its result from that of the fake kernel, and from its arguments."""


class ByOneDNN(TorchFunctionMode):
    """Within, an LSTM of fake tensors on the CPU runs as oneDNN runs it: a layer at a time.

    Of fake tensors PyTorch takes it apart into many small operations.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Runs a function, or what it does on real tensors."""
        if func is LSTM and not kwargs and _runs_by_onednn(*args[:3]):
            return _lstm(*args)
        return func(*args, **(kwargs or {}))


def _runs_by_onednn(inputs: Any, states: Any, weights: Any) -> bool:
    """Whether PyTorch leaves it to oneDNN: no packed sequence, and no projection."""
    return (
        type(inputs) is FakeTensor
        and isinstance(states, list | tuple)
        and len(weights) > 0
        and all(value.device.type == "cpu" for value in (inputs, *states, *weights))
        and inputs.dtype in _ONEDNN_TYPES
        and states[0].shape[-1] == states[1].shape[-1]
        and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    )


def _lstm(
    inputs: Tensor,
    states: Sequence[Tensor],
    weights: Sequence[Tensor],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    is_bidirectional: bool,
    batch_first: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """As `mkldnn_rnn` in PyTorch's `aten/src/ATen/native/mkldnn/RNN.cpp`."""
    lstm_mode = 2
    output = (inputs.transpose(0, 1) if batch_first else inputs).contiguous()
    hidden, cell = (state.contiguous() for state in states)
    num_directions, per_layer = 1 + is_bidirectional, 2 + 2 * has_biases
    hiddens, cells = [], []
    for layer in range(num_layers):
        outputs = []
        for direction in range(num_directions):
            index = layer * num_directions + direction
            own = list(weights[index * per_layer : (index + 1) * per_layer])
            if not has_biases:
                own += [torch.zeros_like(weight) for weight in own]
            result = _onednn_layer(
                *(output, *own, hidden[index], cell[index]),
                *(bool(direction), (), lstm_mode, hidden.shape[-1], num_layers),
                *(has_biases, is_bidirectional, batch_first, train),
            )
            outputs.append(result[0])
            hiddens.append(result[1])
            cells.append(result[2])
        output = outputs[0] if num_directions == 1 else torch.cat(outputs, -1)
        if dropout and train and layer < num_layers - 1:
            output = nn.functional.dropout(output, dropout)
    output = output.transpose(0, 1) if batch_first else output
    return output, torch.stack(hiddens), torch.stack(cells)


def _fresh(
    mode: FakeTensorMode,
    like: Tensor,
    shape: Sequence[int] | None = None,
    dtype: torch.dtype | None = None,
    storage_size: int | None = None,
) -> Tensor:
    """A contiguous fake tensor on the device of another, by default of its shape and type.

    Args:
        mode: whose tensor it is.
        like: the other.
        shape: its own.
        dtype: its own.
        storage_size: the numbers that its memory has room for, by default its own.
    """
    shape, dtype = tuple(like.shape if shape is None else shape), dtype or like.dtype
    size = torch.Size(shape).numel() if storage_size is None else storage_size
    with in_kernel_invocation_manager(mode):
        on_meta = torch.empty(size, dtype=dtype, device="meta")
        on_meta = on_meta[: torch.Size(shape).numel()].view(shape)
    return FakeTensor(mode, on_meta, like.device)
