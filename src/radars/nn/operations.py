"""Candidate operations as plain torch and torchvision modules.

These are functions, not classes: a network that is built from them holds nothing of radars.
"""

from torch import nn
from torchvision.models.mobilenetv3 import InvertedResidual, InvertedResidualConfig
from torchvision.ops import Conv2dNormActivation

_ONEDNN_CHANNELS = 8  # that its kernels for AVX2 take at once


def conv_bn_relu(
    in_channels: int, out_channels: int, kernel_size: int = 3, stride: int = 1
) -> nn.Module:
    """Convolution (same padding, no bias), BatchNorm, ReLU: (B, C_in, H, W) to (B, C_out, ., .)."""
    module: nn.Module = Conv2dNormActivation(in_channels, out_channels, kernel_size, stride)
    return module


def mbconv(
    in_channels: int,
    out_channels: int,
    kernel_size: int,
    expand_ratio: int,
    stride: int = 1,
    *,
    squeeze_excite: bool = False,
) -> nn.Module:
    """Inverted residual block of MobileNetV2 / V3 with ReLU (Sandler et al. 2018, figure 4b).

    1x1 expansion (none where `expand_ratio` is 1), depthwise convolution, squeeze-and-excitation
    where asked, 1x1 projection; a residual connection where the shape stays the same.
    """
    config = _mbconv_config(
        in_channels, out_channels, kernel_size, expand_ratio, stride, squeeze_excite
    )
    module: nn.Module = InvertedResidual(config, norm_layer=nn.BatchNorm2d)
    return module


def skip(in_channels: int, out_channels: int, stride: int = 1) -> nn.Module:
    """Identity; where the shape changes, a strided 1x1 convolution with BatchNorm."""
    if stride == 1 and in_channels == out_channels:
        return nn.Identity()
    return nn.Sequential(pointwise(in_channels, out_channels, stride), nn.BatchNorm2d(out_channels))


def pointwise(in_channels: int, out_channels: int, stride: int = 1) -> nn.Module:
    """1x1 convolution without bias: (B, C_in, H, W) to (B, C_out, H / stride, W / stride).

    Of fewer than 8 channels the pixels are picked first, by a pool of one: on CPUs with AVX2 but no
    AVX-512, oneDNN's weight gradient of a strided convolution is wrong there, and writes past its
    memory (https://github.com/uxlfoundation/oneDNN/issues/6035).
    """
    if stride == 1 or in_channels >= _ONEDNN_CHANNELS:
        return nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)
    return nn.Sequential(
        nn.AvgPool2d(1, stride), nn.Conv2d(in_channels, out_channels, 1, bias=False)
    )


def classifier(in_channels: int, num_classes: int) -> nn.Module:
    """Global average pooling and a linear layer: (B, C, H, W) to (B, num_classes)."""
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(in_channels, num_classes))


def _mbconv_config(
    in_channels: int,
    out_channels: int,
    kernel_size: int,
    expand_ratio: int,
    stride: int,
    squeeze_excite: bool,
) -> InvertedResidualConfig:
    config = InvertedResidualConfig(
        in_channels,
        kernel_size,
        in_channels * expand_ratio,
        out_channels,
        squeeze_excite,
        "RE",
        stride,
        dilation=1,
        width_mult=1.0,
    )
    # torchvision rounds channels to multiples of 8; a search space means the width that it says
    config.input_channels = in_channels
    config.expanded_channels = in_channels * expand_ratio
    config.out_channels = out_channels
    return config
