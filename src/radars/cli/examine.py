"""`examine`: the environment that a run would have."""

import os
import platform
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import torch

import radars
from radars.cost.price_cache import cache_directory
from radars.machine import usable_memory_bytes, usable_processors

DISTRIBUTION = "radars-nas"
_PACKAGES = ("torch", "torchvision", "lightning-fabric", "pydantic", "typer")
_FOR_DEVELOPERS = ("benchmarks", "dev", "docs", "fuzz")


@dataclass(frozen=True)
class Device:
    """A GPU.

    Attributes:
        name: what its maker calls it.
        total_bytes: its memory.
        free_bytes: what no process holds now.
    """

    name: str
    total_bytes: int
    free_bytes: int


@dataclass(frozen=True)
class Directory:
    """A place that runs write to.

    Attributes:
        path: absolute; it may not exist yet.
        free_bytes: the free bytes of its disk.
        is_writable: whether this user may write there.
    """

    path: str
    free_bytes: int
    is_writable: bool


@dataclass(frozen=True)
class Environment:
    """What a run would find.

    Attributes:
        versions: the versions of Python, radars and what it stands on.
        platform: operating system and machine.
        cuda: the version of CUDA (or ROCm) that PyTorch is built for; None for none.
        devices: the GPUs that PyTorch sees, `cuda:0` first.
        cores: the number of cores of the CPU that this process may use.
        threads: that PyTorch uses on the CPU.
        memory_bytes: the memory of the machine that this process may use.
        runs: where runs go without `--out`.
        prices: where prices of candidates are kept.
        hub_data: where data sets of the Hugging Face hub are kept; None without the extra `hub`.
        is_offline: whether the hub is switched off (`HF_HUB_OFFLINE`).
        missing: what is not installed, by optional extra; nothing where all is there.
    """

    versions: Mapping[str, str]
    platform: str
    cuda: str | None
    devices: tuple[Device, ...]
    cores: int
    threads: int
    memory_bytes: int
    runs: Directory
    prices: Directory
    hub_data: Directory | None
    is_offline: bool
    missing: Mapping[str, tuple[str, ...]]


def examine() -> Environment:
    """Looks at this machine, and changes nothing on it."""
    offline = os.environ.get("HF_HUB_OFFLINE", "").upper()
    return Environment(
        versions={"python": platform.python_version(), "radars": radars.__version__}
        | {name: _version(name) or "not installed" for name in _PACKAGES},
        platform=f"{platform.system()} {platform.release()}, {platform.machine()}",
        cuda=torch.version.cuda or torch.version.hip,
        devices=tuple(map(_device, range(torch.cuda.device_count()))),
        cores=usable_processors(),
        threads=torch.get_num_threads(),
        memory_bytes=usable_memory_bytes(),
        runs=_directory(Path("runs")),
        prices=_directory(cache_directory()),
        hub_data=_hub_directory(),
        is_offline=offline in ("1", "ON", "YES", "TRUE"),
        missing=_missing_packages(),
    )


def _device(index: int) -> Device:
    free_bytes, total_bytes = torch.cuda.mem_get_info(index)
    return Device(torch.cuda.get_device_name(index), total_bytes, free_bytes)


def _hub_directory() -> Directory | None:
    try:
        from datasets import config
    except ImportError:
        return None
    return _directory(Path(config.HF_DATASETS_CACHE))


def _directory(path: Path) -> Directory:
    path = path.expanduser().absolute()
    existing = next(parent for parent in (path, *path.parents) if _exists(parent))
    return Directory(
        path=str(path),
        free_bytes=shutil.disk_usage(existing).free,
        is_writable=_exists(path) is not None
        and existing.is_dir()
        and os.access(existing, os.W_OK | os.X_OK),
    )


def _exists(path: Path) -> bool | None:
    """Whether it is there; None where the system does not say."""
    try:
        return path.exists()
    except OSError:
        return None


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _missing_packages() -> dict[str, tuple[str, ...]]:
    """What the extras of the installed distribution name and is not there, by extra."""
    missing: dict[str, tuple[str, ...]] = {}
    try:
        requirements = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:  # run from a folder
        return missing
    for requirement in requirements:
        match = re.match(r"([\w.-]+).*extra == ['\"]([\w-]+)['\"]", requirement)
        if match is None or match[2] in _FOR_DEVELOPERS or _version(match[1]) is not None:
            continue
        missing[match[2]] = (*missing.get(match[2], ()), match[1])
    return missing
