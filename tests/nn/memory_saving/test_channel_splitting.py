"""Blocks in parts of their channels against the blocks as they are, in float64."""

import copy
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
import torch
from torch import Tensor, nn
from torchvision.models.mobilenetv3 import InvertedResidual

from radars.nn.memory_saving.channel_splitting import in_parts
from radars.nn.operations import conv_bn_relu, mbconv
from radars.nn.statistics import batch_norms, frozen_statistics, uncounted_batch

BLOCKS = {
    "with a residual": (16, 16, 3, 8, 1),
    "strided": (16, 12, 5, 4, 2),
    "three uneven parts": (13, 16, 3, 8, 1),
}


def block_and_image(name: str) -> tuple[nn.Module, Tensor]:
    torch.manual_seed(0)
    block = mbconv(*BLOCKS[name]).double().train()
    for norm in batch_norms(block.modules()):
        nn.init.normal_(norm.weight, 1.0, 0.3)
        nn.init.normal_(norm.bias, 0.0, 0.3)
    return block, torch.randn(6, BLOCKS[name][0], 9, 9, dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize("name", BLOCKS)
def test_outputs_gradients_and_statistics_are_those_of_the_block(name: str) -> None:
    block, image = block_and_image(name)
    by_parts, image_in_parts = copy.deepcopy(block), image.detach().clone().requires_grad_()
    function = in_parts(by_parts)
    assert function is not by_parts
    output, output_in_parts = block(image), function(image_in_parts)
    assert torch.allclose(output, output_in_parts, rtol=0, atol=1e-12)
    for made in (output, output_in_parts):
        made.backward(torch.linspace(-1, 1, made.numel(), dtype=made.dtype).view_as(made))
    pairs = [(image, image_in_parts), *zip(block.parameters(), by_parts.parameters(), strict=True)]
    for whole, in_part in pairs:
        assert whole.grad is not None
        assert in_part.grad is not None
        scale = float(whole.grad.abs().max())
        assert scale > 0
        assert torch.allclose(whole.grad, in_part.grad, rtol=0, atol=1e-10 * scale)
    for buffer, in_part in zip(block.buffers(), by_parts.buffers(), strict=True):
        assert torch.allclose(buffer, in_part, rtol=0, atol=1e-12)


@pytest.mark.parametrize("within", [frozen_statistics, uncounted_batch])
def test_statistics_stay_where_a_batch_does_not_count(
    within: Callable[[nn.Module], AbstractContextManager[None]],
) -> None:
    block, image = block_and_image("strided")
    before = copy.deepcopy(dict(block.named_buffers()))
    with within(block):
        output = in_parts(block)(image)
        assert torch.allclose(output, block(image), rtol=0, atol=1e-12)
    output.backward(torch.ones_like(output))  # type: ignore[no-untyped-call]  # runs the parts again
    for name, buffer in block.named_buffers():
        assert torch.equal(buffer, before[name])


@pytest.mark.parametrize("name", BLOCKS)
def test_in_evaluation_running_statistics_count_and_stay(name: str) -> None:
    block, image = block_and_image(name)
    block(image)
    before = copy.deepcopy(dict(block.named_buffers()))
    block.eval()
    with torch.no_grad():
        output = in_parts(block)(image)
        assert torch.allclose(output, block(image), rtol=0, atol=1e-12)
    for name, buffer in block.named_buffers():
        assert torch.equal(buffer, before[name])


class Own(InvertedResidual):  # type: ignore[misc]
    """May do anything."""


def of_a_subclass() -> nn.Module:
    block = mbconv(16, 16, 3, 4)
    block.__class__ = Own
    return block


def cumulative() -> nn.Module:
    block = mbconv(16, 16, 3, 4)
    for norm in batch_norms(block.modules()):
        norm.momentum = None
    return block


@pytest.mark.parametrize(
    "candidate",
    [
        mbconv(16, 16, 3, 8, squeeze_excite=True),
        mbconv(64, 64, 3, 1),
        mbconv(8, 8, 3, 6),  # too narrow to be split
        cumulative(),
        of_a_subclass(),
        conv_bn_relu(64, 64),
        nn.Identity(),
    ],
    ids=["gate", "no expansion", "narrow", "cumulative", "subclass", "convolution", "identity"],
)
def test_what_cannot_be_split_runs_as_it_is(candidate: nn.Module) -> None:
    assert in_parts(candidate) is candidate
