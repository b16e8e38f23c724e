"""Inverted residual blocks run in parts of their expanded channels, for less memory.

Between its two 1x1 convolutions such a block treats each channel alone: it is normalised, convolved
in depth, and normalised again. So the widest maps of a network need not be there at once: some of
the channels are taken all the way to their share of the projection, then the next, and the shares
add up. In the backward pass each part is run again. The function is the same, but for the order of
a sum.

Shapes: B batch, C channels in and out.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from itertools import pairwise
from typing import Any, NamedTuple, cast

from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint
from torchvision.models.mobilenetv3 import InvertedResidual

_MOST_PARTS = 4
_LEAST_CHANNELS = 32  # of a part: with few, BatchNorm on a CPU spends its time between pixels


def in_parts(candidate: nn.Module) -> Callable[..., Tensor]:
    """A candidate's function, in parts of its channels where it allows that.

    It does where it is torchvision's inverted residual block with an expansion, BatchNorm and
    ReLU, and without squeeze-and-excitation, which looks at all channels. For any other, returns
    the candidate itself.
    """
    block = _taken_apart(candidate)
    return candidate if block is None or block.num_parts < 2 else block.run


class _Layer(NamedTuple):
    """A convolution and the BatchNorm behind it; then comes a ReLU."""

    convolution: nn.Conv2d
    norm: nn.BatchNorm2d

    def counted_batch(self) -> float | None:
        """The momentum of running statistics in this pass; None where they stay as they are."""
        if not (self.norm.training and self.norm.track_running_stats):
            return None
        if self.norm.num_batches_tracked is not None:
            self.norm.num_batches_tracked.add_(1)
        return self.norm.momentum

    def activated(self, image: Tensor, part: slice, momentum: float | None) -> Tensor:
        """Some channels of a map behind BatchNorm and ReLU; running statistics follow."""
        norm = self.norm
        mean = variance = None
        is_asked = momentum is not None or not norm.training  # to be moved, or to normalise by
        if is_asked and norm.running_mean is not None and norm.running_var is not None:
            mean, variance = norm.running_mean[part], norm.running_var[part]
        return functional.batch_norm(
            image,
            mean,
            variance,
            norm.weight[part],
            norm.bias[part],
            training=mean is None or norm.training,
            momentum=momentum or 0.0,
            eps=norm.eps,
        ).relu_()


class _Block(NamedTuple):
    """An inverted residual block, taken apart."""

    expand: _Layer
    depthwise: _Layer
    projection: nn.Conv2d
    norm: nn.BatchNorm2d
    has_residual: bool

    @property
    def num_parts(self) -> int:
        """Into how many parts its expanded channels are split."""
        return min(_MOST_PARTS, self.projection.in_channels // _LEAST_CHANNELS)

    def run(self, image: Tensor) -> Tensor:
        """(B, C, H, W) to what the block returns."""
        momenta = [self.expand.counted_batch(), self.depthwise.counted_batch()]
        channels, num_parts = self.projection.in_channels, self.num_parts
        starts = [channels * part // num_parts for part in range(num_parts + 1)]
        total: Tensor | None = None
        for start, end in pairwise(starts):
            share = checkpoint(
                self._share,
                *(image, slice(start, end), momenta),
                use_reentrant=False,
                preserve_rng_state=False,
                context_fn=lambda: (nullcontext(), _uncounted(momenta)),
            )
            total = share if total is None else total + share
        output: Tensor = self.norm(total)
        return output + image if self.has_residual else output

    def _share(self, image: Tensor, part: slice, momenta: list[float | None]) -> Tensor:
        """What some of the expanded channels add to the projection."""
        depthwise = self.depthwise.convolution
        hidden = functional.conv2d(image, self.expand.convolution.weight[part])
        hidden = self.expand.activated(hidden, part, momenta[0])
        hidden = functional.conv2d(
            hidden,
            depthwise.weight[part],
            stride=depthwise.stride,
            padding=depthwise.padding,
            groups=hidden.shape[1],
        )
        hidden = self.depthwise.activated(hidden, part, momenta[1])
        return functional.conv2d(hidden, self.projection.weight[:, part])


@contextmanager
def _uncounted(momenta: list[float | None]) -> Iterator[None]:
    """Within, a batch that was seen does not count again."""
    before = list(momenta)
    try:
        momenta[:] = [None if momentum is None else 0.0 for momentum in before]
        yield
    finally:
        momenta[:] = before


def _taken_apart(candidate: nn.Module) -> _Block | None:
    if type(candidate) is not InvertedResidual:
        return None
    block: nn.Module = candidate.block  # type: ignore[assignment]
    layers = [list(layer.children()) for layer in block.children()]
    activated = [nn.Conv2d, nn.BatchNorm2d, nn.ReLU]
    kinds = [[type(module) for module in layer] for layer in layers]
    if kinds != [activated, activated, activated[:-1]]:
        return None
    (expand, first, _), (depthwise, second, _), (project, last) = cast("list[list[Any]]", layers)
    if any(norm.momentum is None or not norm.affine for norm in (first, second)):
        return None
    has_residual: bool = candidate.use_res_connect  # type: ignore[assignment]
    return _Block(_Layer(expand, first), _Layer(depthwise, second), project, last, has_residual)
