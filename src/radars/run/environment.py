"""`environment`: on what a run ran."""

import os
import platform
from importlib import metadata

import torch


def environment(device: torch.device) -> dict[str, str]:
    """Versions and hardware, for people; names of what, and what."""
    threads = f"{torch.get_num_threads()} threads of {os.cpu_count()} processors"
    is_cuda = device.type == "cuda"
    return {
        "radars": _own_version(),
        "PyTorch": torch.__version__,
        "Python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "processor": threads,
        "device": f"{device}, {torch.cuda.get_device_name(device)}" if is_cuda else str(device),
    }


def _own_version() -> str:
    try:
        return metadata.version("radars-nas")
    except metadata.PackageNotFoundError:
        return "not installed, run from its source"
