"""`environment`: on what a run ran."""

import os
import platform

import torch

import radars


def environment(device: torch.device) -> dict[str, str]:
    """Versions and hardware, for people; names of what, and what."""
    threads = f"{torch.get_num_threads()} threads of {os.cpu_count()} processors"
    is_cuda = device.type == "cuda"
    return {
        "radars": radars.__version__,
        "PyTorch": torch.__version__,
        "Python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "processor": threads,
        "device": f"{device}, {torch.cuda.get_device_name(device)}" if is_cuda else str(device),
    }
