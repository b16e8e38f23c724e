"""`environment`: on what a run ran."""

import platform
from contextlib import suppress

import torch

import radars
from radars.machine import processor_name, usable_memory_bytes, usable_processors
from radars.units import format_bytes


def environment(device: torch.device) -> dict[str, str]:
    """Versions and hardware, for people; names of what, and what."""
    num_threads, num_processors = torch.get_num_threads(), usable_processors()
    is_cuda = device.type == "cuda"
    said = {
        "radars": radars.__version__,
        "PyTorch": torch.__version__,
        "Python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "processor": processor_name(),
        "threads": f"{_number(num_threads, 'thread')} of {_number(num_processors, 'processor')}",
        "memory": _memory(),
        "device": f"{device}, {torch.cuda.get_device_name(device)}" if is_cuda else str(device),
    }
    return {what: text for what, text in said.items() if text}


def _number(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _memory() -> str:
    """What the process may use; nothing where the system does not say."""
    with suppress(AttributeError, OSError, ValueError):
        return format_bytes(usable_memory_bytes())
    return ""
