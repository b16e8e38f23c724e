"""Every name of PyTorch that is private or undocumented, and why it is needed.

`tests/test_torch_internals.py` says which of them has changed. Where PyTorch has a public way, even
a slower one, it is taken if the private name is gone.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, fx, library, nn

# the types of operators and their fake results: no public mode runs a program without its memory
from torch._ops import OpOverload
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    FakeTensor,
    FakeTensorMode,
    in_kernel_invocation_manager,
    unset_fake_temporarily,
)

# adds kernels to operators, and takes them away again, which the public `Library` does not
from torch.library import _scoped_library as scoped_library

# what all BatchNorm layers, and all convolutions, are instances of, those of users too
from torch.nn.modules.batchnorm import _BatchNorm as BatchNorm
from torch.nn.modules.conv import _ConvNd as Convolution

# sees each operation of any program; documented by its makers, but not in PyTorch's reference
from torch.utils._python_dispatch import TorchDispatchMode

# walk through nested arguments as PyTorch does
from torch.utils._pytree import tree_iter, tree_leaves, tree_map

__all__ = [
    "DEVICE_OF",
    "DISTANCES",
    "EFFICIENT_ATTENTION",
    "FLASH_ATTENTION",
    "LSTM",
    "PLAIN_ATTENTION",
    "TRILINEAR",
    "UNSAFE_VIEW",
    "BatchNorm",
    "Convolution",
    "DataDependentOutputException",
    "FakeTensor",
    "FakeTensorMode",
    "OpOverload",
    "TorchDispatchMode",
    "batch_statistics",
    "children_of",
    "copy_each",
    "default_device",
    "found_inf",
    "has_gradient_hooks",
    "in_backward_pass",
    "in_kernel_invocation_manager",
    "is_buffer_saved",
    "own_parameters",
    "own_tensors",
    "rename_node",
    "scoped_library",
    "storage_key",
    "top_saved_tensors_hooks",
    "trace_fused_sgd",
    "tree_iter",
    "tree_leaves",
    "tree_map",
    "unset_fake_temporarily",
    "version_of",
    "writes_to_arguments",
]

DEVICE_OF = torch.ops.prim.device.default
"""The operator that fake tensors are asked for at every turn, though it is none that computes."""
EFFICIENT_ATTENTION = torch.ops.aten._scaled_dot_product_efficient_attention
FLASH_ATTENTION = torch.ops.aten._scaled_dot_product_flash_attention
PLAIN_ATTENTION = torch.ops.aten._scaled_dot_product_attention_math
"""What attention is made of on a GPU: each keeps something else."""
LSTM = torch._VF.lstm
"""The function that `nn.LSTM` calls, as a mode of functions is told of it."""
UNSAFE_VIEW = torch.ops.aten._unsafe_view.default
"""The operator that returns a view, and says that it returns none."""
DISTANCES = torch.ops.aten._cdist_forward, torch.ops.aten._euclidean_dist
"""What `torch.cdist` is made of, as a mode is told of it."""
TRILINEAR = torch.ops.aten._trilinear
"""What `nn.Bilinear` is made of, as a mode is told of it."""


def version_of(tensor: Tensor) -> int:
    """How often a tensor was changed in place, as autograd counts: a kept one must be as it was."""
    return tensor._version


def storage_key(storage: torch.UntypedStorage) -> int:
    """The same number for the same memory as long as it is held, fake tensors' too.

    The public `data_ptr` is 0 for all that has no memory.
    """
    key: int = storage._cdata
    return key


def in_backward_pass() -> bool:
    """Whether autograd runs a backward pass now: what is made then is no activation."""
    return torch._C._current_graph_task_id() >= 0


def top_saved_tensors_hooks() -> tuple[Callable[..., Any], Callable[..., Any]] | None:
    """The innermost `saved_tensors_hooks`: a checkpoint's, for one, decide what is kept in it."""
    hooks: tuple[Callable[..., Any], Callable[..., Any]] | None
    hooks = torch._C._autograd._top_saved_tensors_default_hooks(False)
    return hooks


def batch_statistics(normalised: Tensor) -> tuple[Tensor, Tensor] | None:
    """The mean, and 1 / sqrt(variance + eps), that BatchNorm in training keeps for its gradient.

    None where its kernel keeps others: the output is then kept as well.
    """
    node: Any = normalised.grad_fn
    if not hasattr(node, "_saved_result2"):
        return None
    return node._saved_result1, node._saved_result2


def copy_each(targets: Sequence[Tensor], sources: Sequence[Tensor]) -> None:
    """Copies tensors into others, in one kernel where PyTorch has it."""
    if hasattr(torch, "_foreach_copy_"):
        torch._foreach_copy_(tuple(targets), tuple(sources))
        return
    for target, source in zip(targets, sources, strict=True):
        target.copy_(source)


def default_device() -> object:
    """Where a kernel makes a tensor when nobody says where; the public function is slow."""
    if hasattr(torch._C, "_get_default_device"):
        return torch._C._get_default_device()
    return torch.get_default_device()


@contextmanager
def found_inf(value: Tensor, optimizer: torch.optim.Optimizer) -> Iterator[None]:
    """Within, a step of a fused optimizer changes nothing where a scalar is 1.

    It is what PyTorch's gradient scaler tells them; its public interface wants to scale as well.
    """
    optimizer.found_inf = value  # type: ignore[attr-defined]
    try:
        yield
    finally:
        del optimizer.found_inf  # type: ignore[attr-defined]


def writes_to_arguments(operator: OpOverload) -> bool:
    """Whether an operator returns arguments that it wrote to, or views of them, by its schema."""
    return any(returned.alias_info is not None for returned in operator._schema.returns)


def trace_fused_sgd() -> None:
    """Lets the fused SGD run on fake tensors, as the fused AdamW does; it returns nothing either.

    PyTorch 2.14 cannot do it by itself.
    """
    if not torch._C._dispatch_has_kernel_for_dispatch_key("aten::_fused_sgd_", "Meta"):
        library.register_fake("aten::_fused_sgd_", lambda *args, **kwargs: None)


def children_of(module: nn.Module) -> dict[str, nn.Module]:
    """The modules within one by name; `named_children` leaves out what stands there twice."""
    own = module._modules
    return {name: child for name, child in own.items() if child is not None} if own else {}


def own_parameters(module: nn.Module) -> list[nn.Parameter]:
    """Those that are not of a module within; `parameters(recurse=False)` takes long."""
    own = module._parameters
    return [weight for weight in own.values() if weight is not None] if own else []


def own_tensors(module: nn.Module) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parameters and the buffers of a module, to put others there without its checks."""
    return module._parameters, module._buffers


def has_gradient_hooks(tensor: Tensor) -> bool:
    """Whether somebody is called with the tensor's gradient; no public name says so."""
    return bool(tensor._backward_hooks)


def is_buffer_saved(module: nn.Module, name: str) -> bool:
    """Whether a buffer of a module is in its `state_dict`, which says it too, but takes long."""
    return name not in module._non_persistent_buffers_set


def rename_node(node: fx.Node, name: str) -> None:
    """Gives a node of a graph a name that is free; `fx.Node.name` alone may be taken."""
    node._rename(name)
