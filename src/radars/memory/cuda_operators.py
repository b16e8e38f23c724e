"""`cuda_operators`: on a machine without a GPU, operators keep what they would keep on a GPU.

Three things differ. The CPU's autocast runs layer norm, softmax and others in bfloat16, CUDA's
runs them in float32: a step of a transformer holds more there. It holds less where attention has
dropout, as CUDA's kernels do without the matrix of all pairs. And dropout keeps a byte for each
value there, not four.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor

from radars._torch_internals import (
    EFFICIENT_ATTENTION,
    FLASH_ATTENTION,
    PLAIN_ATTENTION,
    OpOverload,
    scoped_library,
    tree_map,
)

_FLOAT32 = (
    *("layer_norm", "native_layer_norm", "group_norm", "rms_norm", "renorm", "cosine_similarity"),
    *("softmax.int", "log_softmax.int", "logsumexp", "softplus", "cumprod", "cumsum"),
    *("sum", "sum.dim_IntList", "linalg_vector_norm", "norm.Scalar", "norm.ScalarOpt_dim", "dist"),
    *("exp", "expm1", "log", "log10", "log1p", "log2", "reciprocal", "rsqrt"),
    *("pow.Scalar", "pow.Tensor_Scalar", "pow.Tensor_Tensor"),
    *("acos", "asin", "cosh", "erfinv", "sinh", "tan"),
    *("upsample_nearest1d", "upsample_nearest2d", "upsample_nearest3d"),
    *("upsample_linear1d", "upsample_bilinear2d", "upsample_bicubic2d", "upsample_trilinear3d"),
    *("_upsample_nearest_exact1d", "_upsample_nearest_exact2d", "_upsample_nearest_exact3d"),
    *("_upsample_bilinear2d_aa", "_upsample_bicubic2d_aa"),
)
"""What CUDA's autocast runs in float32 and the CPU's does not ("CUDA Ops that can autocast to
float32", https://docs.pytorch.org/docs/stable/amp.html)."""


_ALIGNED_BYTES = 16  # CUDA's kernels want the channels of a head in such parts


@contextmanager
def cuda_operators() -> Iterator[None]:
    """Within, fake tensors of the CPU are computed with as those of a GPU are."""
    with scoped_library("aten", "IMPL") as library:
        for name in _FLOAT32:
            packet, _, overload = name.partition(".")
            operator = getattr(getattr(torch.ops.aten, packet, None), overload or "default", None)
            if operator is not None:  # an older PyTorch has fewer
                library.impl(name, partial(_in_float32, operator), "AutocastCPU")
        library.impl("dropout", _dropout, "AutogradCPU")
        library.impl("scaled_dot_product_attention", _attention, "AutogradCPU")
        yield


def _in_float32(operator: OpOverload, *args: Any, **kwargs: Any) -> object:
    """Runs an operator on float32 copies of the tensors that are narrower."""
    with torch.autocast("cpu", enabled=False):
        run: Callable[..., object] = operator
        args, kwargs = tree_map(_as_float32, (args, kwargs))
        return run(*args, **kwargs)


def _as_float32(value: object) -> object:
    is_narrow = isinstance(value, Tensor) and value.dtype in (torch.bfloat16, torch.float16)
    return value.float() if is_narrow else value  # type: ignore[attr-defined]


def _dropout(input_: Tensor, p: float, train: bool) -> Tensor:
    """Dropout by CUDA's kernel, which keeps a byte for each value."""
    if not train:
        return input_
    dropped, _ = torch.ops.aten.native_dropout(input_, p, train)
    kept: Tensor = dropped
    return kept


def _attention(
    query_BHTD: Tensor,
    key_BHSD: Tensor,
    value_BHSD: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """Attention by the kernel that CUDA takes: flash, memory-efficient or plain."""
    attended_BHTD: Tensor
    if not _is_efficient(query_BHTD):
        attended_BHTD, _ = PLAIN_ATTENTION(
            query_BHTD,
            key_BHSD,
            value_BHSD,
            attn_mask,
            dropout_p,
            is_causal,
            scale=scale,
            enable_gqa=enable_gqa,
        )
        return attended_BHTD
    if attn_mask is None and query_BHTD.dtype is not torch.float32:
        heads = query_BHTD, key_BHSD, value_BHSD
        attended_BHTD, *_ = FLASH_ATTENTION(*heads, dropout_p, is_causal, False, scale=scale)
        return attended_BHTD
    if attn_mask is not None:
        if attn_mask.dtype is torch.bool:
            attn_mask = query_BHTD.new_zeros(attn_mask.shape).masked_fill(~attn_mask, -torch.inf)
        shape = (*query_BHTD.shape[:-1], key_BHSD.shape[-2])
        attn_mask = attn_mask.to(query_BHTD.dtype).expand(shape)
    attended_BHTD, *_ = EFFICIENT_ATTENTION(
        query_BHTD,
        key_BHSD,
        value_BHSD,
        attn_mask,
        torch.is_grad_enabled(),
        dropout_p,
        is_causal,
        scale=scale,
    )
    return attended_BHTD


def _is_efficient(query: Tensor) -> bool:
    is_known = query.dim() == 4 and query.dtype in (torch.float32, torch.bfloat16, torch.float16)
    return is_known and query.shape[-1] * query.element_size() % _ALIGNED_BYTES == 0
