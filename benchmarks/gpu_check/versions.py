"""Stage `versions`: what is there."""

import os
import platform

import torch

import radars
from gpu_check.stage import Figures, Setting
from radars.execution.device import device_memory_bytes
from radars.units import format_bytes

_VARIABLES = ("CUBLAS_WORKSPACE_CONFIG", "PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_ALLOC_CONF")


def run(setting: Setting, figures: Figures) -> None:
    """Versions, the GPU, and the settings that PyTorch begins with."""
    is_cuda = setting.device.type == "cuda"
    name = torch.cuda.get_device_name(setting.device) if is_cuda else platform.machine()
    memory_bytes = device_memory_bytes(setting.device)
    figures.note(
        radars=radars.__version__,
        python=platform.python_version(),
        device=name,
        cuda=torch.version.cuda,
        cudnn=cudnn_version() if is_cuda else None,
        capability=torch.cuda.get_device_capability(setting.device) if is_cuda else None,
        memory_bytes=memory_bytes,
        processors=os.cpu_count(),
        threads=torch.get_num_threads(),
        # PyTorch 2.9 and newer say how products of float32 are computed
        matmul_fp32=getattr(torch.backends.cuda.matmul, "fp32_precision", None),
        convolution_fp32=getattr(
            getattr(torch.backends.cudnn, "conv", None), "fp32_precision", None
        ),
        cudnn_benchmark=torch.backends.cudnn.benchmark,
        environment={key: os.environ[key] for key in _VARIABLES if key in os.environ},
    )
    figures.say(f"{name}, {format_bytes(memory_bytes)}; PyTorch {torch.__version__}")


def cudnn_version() -> int | str | None:
    """That of cuDNN, or what PyTorch says against the one that is there."""
    try:
        version: int | None = torch.backends.cudnn.version()  # type: ignore[no-untyped-call]
    except RuntimeError as error:
        return str(error).splitlines()[0]
    return version
