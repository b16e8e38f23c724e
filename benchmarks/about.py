"""What every row of a result says of when and where it was measured."""

import platform
import subprocess
import time
from pathlib import Path

import torch


def about() -> dict[str, str]:
    """The date, the machine and the version of PyTorch."""
    return {
        "date": time.strftime("%Y-%m-%d"),
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads",
        "torch": torch.__version__,
    }


def commit_of_here() -> str:
    """The commit of the code that runs; marked where files differ from it."""
    said = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    here = Path(__file__).parent
    return subprocess.check_output(said, text=True, cwd=here).strip()
