import pytest
import torch
from torch import nn

from radars.nn.operations import classifier, conv_bn_relu, mbconv, pointwise, skip


def num_parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize("kernel_size", [1, 3, 5])
@pytest.mark.parametrize("stride", [1, 2])
def test_convolutions_pad_to_the_same_size(kernel_size: int, stride: int) -> None:
    example = torch.randn(2, 3, 8, 8)
    module = conv_bn_relu(3, 5, kernel_size, stride)
    assert module(example).shape == (2, 5, 8 // stride, 8 // stride)
    assert module(example).min() == 0
    assert num_parameters(module) == 3 * 5 * kernel_size**2 + 2 * 5


@pytest.mark.parametrize("kernel_size", [3, 7])
@pytest.mark.parametrize("expand_ratio", [1, 2, 6])
@pytest.mark.parametrize("stride", [1, 2])
def test_mbconv_has_the_width_that_it_is_asked(
    kernel_size: int, expand_ratio: int, stride: int
) -> None:
    in_channels, out_channels = 5, 7  # not multiples of 8
    module = mbconv(in_channels, out_channels, kernel_size, expand_ratio, stride)
    assert module(torch.randn(2, in_channels, 8, 8)).shape == (
        2,
        out_channels,
        8 // stride,
        8 // stride,
    )
    hidden = in_channels * expand_ratio
    expansion = in_channels * hidden + 2 * hidden if expand_ratio > 1 else 0
    depthwise = hidden * kernel_size**2 + 2 * hidden
    projection = hidden * out_channels + 2 * out_channels
    assert num_parameters(module) == expansion + depthwise + projection


def test_mbconv_has_a_residual_where_the_shape_stays() -> None:
    example = torch.randn(2, 4, 6, 6)
    for module, residual in ((mbconv(4, 4, 3, 2), True), (mbconv(4, 4, 3, 2, stride=2), False)):
        for parameter in module.parameters():
            nn.init.zeros_(parameter)
        output = module(example)
        assert torch.equal(output, example if residual else torch.zeros(2, 4, 3, 3))


def test_squeeze_excite_adds_parameters_and_keeps_the_shape() -> None:
    plain, squeezed = mbconv(8, 8, 3, 4), mbconv(8, 8, 3, 4, squeeze_excite=True)
    assert num_parameters(squeezed) == num_parameters(plain) + 2 * 32 * 8 + 8 + 32
    assert squeezed(torch.randn(2, 8, 4, 4)).shape == (2, 8, 4, 4)


def test_skip_is_an_identity_only_where_the_shape_stays() -> None:
    assert isinstance(skip(4, 4), nn.Identity)
    for module in (skip(4, 6), skip(4, 4, stride=2), skip(4, 6, stride=2)):
        assert not isinstance(module, nn.Identity)
        assert not any(isinstance(inner, nn.ReLU) for inner in module.modules())
    assert skip(4, 6, stride=2)(torch.randn(2, 4, 8, 8)).shape == (2, 6, 4, 4)


def test_classifier_pools_whatever_the_size() -> None:
    module = classifier(4, 10)
    assert module(torch.randn(3, 4, 7, 5)).shape == (3, 10)
    assert module(torch.randn(3, 4, 1, 1)).shape == (3, 10)
    assert num_parameters(module) == 4 * 10 + 10


@pytest.mark.parametrize("in_channels", [1, 2, 3, 6, 7, 8, 9])
def test_a_pointwise_convolution_has_the_gradients_that_it_should(in_channels: int) -> None:
    # oneDNN's own of fewer than 8 channels is wrong on some CPUs, and ends the process
    image = torch.randn(4, in_channels, 32, 32).to(memory_format=torch.channels_last)
    module = pointwise(in_channels, 4, stride=2).to(memory_format=torch.channels_last)
    (weight,) = module.parameters()
    output = module(image)
    gradient = torch.randn_like(output)
    output.backward(gradient)
    assert weight.grad is not None
    picked, grad = image[:, :, ::2, ::2].double(), gradient.double()
    output_as_it_should = torch.einsum("bihw,oi->bohw", picked, weight[:, :, 0, 0].double())
    weight_grad = torch.einsum("bihw,bohw->oi", picked, grad)
    for found, wanted in ((output, output_as_it_should), (weight.grad[:, :, 0, 0], weight_grad)):
        torch.testing.assert_close(found.double(), wanted, rtol=1e-4, atol=1e-3)
