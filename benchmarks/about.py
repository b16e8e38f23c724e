"""What every row of a result says of when and where it was measured."""

import platform
import time

import torch


def about() -> dict[str, str]:
    """The date, the machine and the version of PyTorch."""
    return {
        "date": time.strftime("%Y-%m-%d"),
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads",
        "torch": torch.__version__,
    }
