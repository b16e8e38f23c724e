"""Where steps run: the device of a name, and Lightning Fabric on it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from lightning_fabric import Fabric

from radars.errors import ConfigError
from radars.nn.steps import Precision


def device_of(name: str) -> torch.device:
    """The device of a name: `auto` is the GPU where there is one.

    Raises:
        ConfigError: there is no such device here.
    """
    num_gpus = torch.cuda.device_count()
    if name == "auto":
        name = "cuda" if num_gpus else "cpu"
    device = torch.device(name)
    if device.type != "cuda":
        return device
    # with its index, as the devices of tensors have one and are compared with it
    device = torch.device("cuda", device.index or 0)
    if device.index >= num_gpus:
        raise ConfigError(
            f"the device must be there, but got {name!r} and this machine has {num_gpus} GPUs; "
            f"use cpu or auto"
        )
    return device


def fabric_on(device: torch.device, precision: Precision) -> Fabric:
    """Fabric for one device, that says nothing."""
    with _quiet():
        return Fabric(
            accelerator=device.type,
            devices=[device.index or 0] if device.type == "cuda" else 1,
            precision=precision,
        )


@contextmanager
def reproducible(device: torch.device) -> Iterator[None]:
    """Within, kernels are chosen that repeat their results; global randomness is put back after."""
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
    total_bytes = torch.cuda.get_device_properties(device).total_memory
    torch.cuda.set_per_process_memory_fraction(min(1.0, num_bytes / total_bytes), device)
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, device)


@contextmanager
def _quiet() -> Iterator[None]:
    logger = logging.getLogger("lightning_fabric")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)
