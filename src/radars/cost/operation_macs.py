"""How many multiply-accumulates an operation takes: what PyTorch counts, and what it leaves out."""

import warnings
from collections.abc import Callable, Sequence
from functools import cache
from math import prod
from typing import Any

import torch
import torchvision.ops  # noqa: F401 - which registers its own operations
from torch import Tensor
from torch.utils.flop_counter import flop_registry

from radars._torch_internals import DISTANCES, TRILINEAR, TorchDispatchMode
from radars.errors import RadarsWarning

_aten = torch.ops.aten


class OperationCounter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Adds up the multiply-accumulates of what is run within it, on the meta device.

    Those of convolutions, of products of matrices and vectors, of attention, of distances and of
    bilinear forms; of nothing that is done number by number, such as activations.

    Attributes:
        total: so far.
        unknown: operations that multiply and are not counted: Fourier transforms, decompositions
            of matrices, and operations of other libraries than PyTorch.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.total = 0
        self.unknown: set[str] = set()

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Runs an operation, and counts it."""
        kwargs = kwargs or {}
        output = func(*args, **kwargs)
        operation = getattr(func, "overloadpacket", None)
        if operation in _MACS:
            self.total += _MACS[operation](output, *args)
        elif operation in flop_registry:
            self.total += flop_registry[operation](*args, **kwargs, out_val=output) // 2
        elif _may_multiply(operation):
            self.unknown.add(str(operation))
        return output

    def __exit__(self, *exception: Any) -> None:
        super().__exit__(*exception)  # type: ignore[no-untyped-call]
        if self.unknown:
            warnings.warn(
                f"multiply-accumulates of {', '.join(sorted(self.unknown))} are not counted: macs "
                f"are too low, and a bound on them too; bound parameters or latency_ms instead",
                RadarsWarning,
                stacklevel=2,
            )


@cache
def _may_multiply(operation: object) -> bool:
    """Whether an operation that no formula is known for multiplies, as far as its name tells."""
    library, _, name = str(operation).partition(".")
    if library in ("aten", "prim", "prims"):
        is_norm = name == "linalg_vector_norm"  # done number by number
        return name.startswith(("_fft", "linalg", "_linalg")) and not is_norm
    return library not in ("None", "profiler")


def _of_matrix_and_vector(output: Tensor, matrix: Tensor, vector: Tensor) -> int:
    return matrix.numel()


def _of_added_matrix_and_vector(output: Tensor, added: Tensor, matrix: Tensor, *_: Any) -> int:
    return matrix.numel()


def _of_vectors(output: Tensor, first: Tensor, second: Tensor) -> int:
    return first.numel()


def _of_distances(output: Tensor, first: Tensor, *_: Any) -> int:
    return output.numel() * first.shape[-1]


def _of_added_batches(output: Tensor, added: Tensor, first: Tensor, second: Tensor) -> int:
    return first.numel() * second.shape[-1]


def _of_trilinear(
    output: Tensor, first: Tensor, second: Tensor, third: Tensor,
    expand1: Sequence[int], expand2: Sequence[int], expand3: Sequence[int], *_: Any,
) -> int:  # fmt: skip
    """The MACs of `nn.Bilinear`: each number of the product of all three, before it is summed."""
    shapes = []
    for tensor, places in ((first, expand1), (second, expand2), (third, expand3)):
        shape = list(tensor.shape)
        for place in places:
            shape.insert(place, 1)
        shapes.append(shape)
    return prod(map(max, *shapes))


def _of_deformable_convolution(output: Tensor, image: Tensor, weight: Tensor, *_: Any) -> int:
    return output.numel() * prod(weight.shape[1:])


_MACS: dict[object, Callable[..., int]] = {
    _aten.mv: _of_matrix_and_vector,
    _aten.addmv: _of_added_matrix_and_vector,
    _aten.dot: _of_vectors,
    _aten.vdot: _of_vectors,
    _aten.addbmm: _of_added_batches,
    **dict.fromkeys(DISTANCES, _of_distances),
    TRILINEAR: _of_trilinear,
    torch.ops.torchvision.deform_conv2d: _of_deformable_convolution,
}
