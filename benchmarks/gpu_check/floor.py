"""Stage `floor`: what the GPU holds before any tensor of a search, and what cuDNN takes on top."""

import gc

import torch
from torch import Tensor, nn

from gpu_check.stage import Figures, Setting
from radars.memory.floor import expected_floor_bytes, measured_floor_bytes
from radars.units import format_bytes

_CHANNELS, _SIDE = 64, 56


def run(setting: Setting, figures: Figures) -> None:
    """Measured against expected; then convolutions beside what their tensors take."""
    setting.require_cuda("a floor is that of a GPU")
    measured_bytes = measured_floor_bytes(setting.device)
    expected_bytes = expected_floor_bytes("cuda", torch.cuda.get_device_capability()[0])
    figures.note(
        measured_bytes=measured_bytes,
        expected_bytes=expected_bytes,
        reserved_bytes=torch.cuda.memory_reserved(setting.device),
    )
    figures.check("measured as expected", abs(measured_bytes - expected_bytes) <= 64 * 1024)
    figures.say(f"{format_bytes(measured_bytes)}, expected {format_bytes(expected_bytes)}")
    scratch = {
        f"{dtype} {'channels last' if is_last else 'contiguous'}{' benchmark' if tries else ''}": (
            scratch_bytes(setting, dtype, is_last, tries)
        )
        for dtype in (torch.float32, torch.bfloat16)
        for is_last in (False, True)
        for tries in (False, True)
    }
    figures.note(scratch_bytes=scratch, again_bytes=measured_floor_bytes(setting.device))
    figures.say(f"scratch of a convolution {format_bytes(max(scratch.values()))} at most")


def scratch_bytes(setting: Setting, dtype: torch.dtype, is_last: bool, tries: bool) -> int:
    """The most that a convolution holds, forward and backward, beside its tensors."""
    layout = torch.channels_last if is_last else torch.contiguous_format
    image_B = torch.zeros(
        setting.of(4, 64), _CHANNELS, _SIDE, _SIDE, device=setting.device, dtype=dtype
    )
    image_B = image_B.contiguous(memory_format=layout).requires_grad_()
    layer = nn.Conv2d(_CHANNELS, _CHANNELS, 3, padding=1, bias=False)
    layer = layer.to(setting.device, dtype, memory_format=layout)  # type: ignore[call-overload]
    gc.collect()
    torch.backends.cudnn.benchmark = tries
    before_bytes = torch.cuda.memory_allocated(setting.device)
    torch.cuda.reset_peak_memory_stats(setting.device)
    output_B: Tensor = layer(image_B)
    output_B.backward(torch.zeros_like(output_B))  # type: ignore[no-untyped-call]
    torch.backends.cudnn.benchmark = False
    peak_bytes = torch.cuda.max_memory_allocated(setting.device)
    of_tensors = 3 * image_B.nbytes + layer.weight.nbytes  # output, two gradients of maps, weight's
    return int(peak_bytes - before_bytes - of_tensors)
