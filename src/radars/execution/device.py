"""Where steps run: the device of a name, what it has, and what is set while steps run on it."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import torch
from pydantic import AfterValidator

from radars.errors import ConfigError
from radars.machine import usable_memory_bytes, usable_processors

_NAME = re.compile(r"auto|cpu|cuda(:\d+)?")


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError("must be auto, cpu, cuda or cuda:N")
    return name


DeviceName = Annotated[str, AfterValidator(_checked)]
"""`auto`, `cpu`, `cuda` or `cuda:N`, as a configuration has it."""


def device_of(name: str, num_devices: int = 1) -> torch.device:
    """The device of a name: `auto` is the GPU where there is one.

    Args:
        name: `auto`, `cpu`, `cuda` or `cuda:N`.
        num_devices: how many of its kind there must be.

    Raises:
        ConfigError: there is no such device here.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(f"a device is auto, cpu, cuda or cuda:N, but got {name!r}; correct it")
    num_gpus = torch.cuda.device_count()
    if name == "auto":
        name = "cuda" if num_gpus else "cpu"
    device = torch.device(name)
    if device.type != "cuda":
        return device
    # with its index, as the devices of tensors have one and are compared with it; each of several
    # processes of a search has its own
    index = int(os.environ.get("LOCAL_RANK", "0")) if device.index is None else device.index
    device = torch.device("cuda", index)
    if device.index >= num_gpus:
        raise ConfigError(
            f"the device must be there, but got {name!r} and this machine has {num_gpus} GPUs; "
            f"use cpu or auto"
        )
    if num_devices > num_gpus:
        raise ConfigError(
            f"devices must be there, but got {num_devices} and this machine has {num_gpus} GPUs; "
            f"lower it"
        )
    return device


def device_type_of(name: str) -> str:
    """The kind of a device, as `device_of` has it, that need not be there."""
    return device_of(name).type if name == "auto" else torch.device(name).type


def device_memory_bytes(device: torch.device) -> int:
    """The memory of a device; on the CPU, what this process may use."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    return usable_memory_bytes()


@contextmanager
def threads(number: int | None) -> Iterator[None]:
    """Within, PyTorch uses this many threads of the processor.

    None is for as many as before, or fewer: it knows nothing of a container's share of a processor.
    """
    before = torch.get_num_threads()
    wanted = number or min(before, usable_processors())
    try:
        if wanted != before:
            torch.set_num_threads(wanted)
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def reproducible(device: torch.device) -> Iterator[None]:
    """Within, kernels are chosen that repeat their results; global randomness is put back after.

    On CUDA the backward passes of attention (`vit`) and of adaptive max pooling (`pcdarts`) add
    atomically, so that results there are not promised to repeat bit for bit; none was run on a GPU.
    """
    is_cuda = device.type == "cuda"
    cudnn = torch.backends.cudnn
    before = cudnn.deterministic, cudnn.benchmark
    with torch.random.fork_rng(devices=[device] if is_cuda else []):
        try:
            cudnn.deterministic, cudnn.benchmark = True, False
            yield
        finally:
            cudnn.deterministic, cudnn.benchmark = before


@contextmanager
def capped(device: torch.device, num_bytes: int | None) -> Iterator[None]:
    """Within, the CUDA allocator refuses what is beyond `num_bytes`; None for no cap.

    Raises:
        ConfigError: a cap is asked for on another device.
    """
    if num_bytes is None:
        yield
        return
    if device.type != "cuda":
        raise ConfigError(
            f"hard_cap is for CUDA's allocator, but the device is {device.type}; there, let the "
            f"operating system set the limit, as with ulimit -d"
        )
    total_bytes = device_memory_bytes(device)
    torch.cuda.set_per_process_memory_fraction(min(1.0, num_bytes / total_bytes), device)
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, device)
