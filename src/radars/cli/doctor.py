"""`radars doctor`: the environment that a run would have, and what that means for a user."""

import os
import platform
import re
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import datasets
import torch

import radars
from radars.cost.price_cache import DIRECTORY_VARIABLE, cache_directory
from radars.machine import usable_memory_bytes, usable_processors
from radars.units import GIB, format_bytes

_DISTRIBUTION = "radars-nas"
_PACKAGES = ("torch", "torchvision", "lightning-fabric", "datasets", "pydantic", "typer")
_FOR_DEVELOPERS = ("benchmarks", "dev", "docs", "fuzz")
_LITTLE_DISK_BYTES = 2 * GIB


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
        free_bytes: of its disk.
        is_writable: whether this user may write there.
    """

    path: str
    free_bytes: int
    is_writable: bool


@dataclass(frozen=True)
class Environment:
    """What a run would find.

    Attributes:
        versions: of Python, radars and what it stands on.
        platform: operating system and machine.
        cuda: the version of CUDA (or ROCm) that PyTorch is built for; None for none.
        devices: the GPUs that PyTorch sees, `cuda:0` first.
        cores: of the CPU, that this process may use.
        threads: that PyTorch uses on the CPU.
        memory_bytes: of the machine, that this process may use.
        runs: where runs go without `--out`.
        prices: where prices of candidates are kept.
        hub_data: where data sets of the Hugging Face hub are kept.
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
    hub_data: Directory
    is_offline: bool
    missing: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Finding:
    """What a part of the environment means.

    Attributes:
        level: `ok`; `note`, where something can be had that is not there; `warning`, where a run
            may fail.
        text: a sentence, with the remedy where there is one.
    """

    level: Literal["ok", "note", "warning"]
    text: str


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
        hub_data=_directory(Path(datasets.config.HF_DATASETS_CACHE)),
        is_offline=offline in ("1", "ON", "YES", "TRUE"),
        missing=_missing_packages(),
    )


def findings(environment: Environment) -> list[Finding]:
    """What an environment means for a user, in the order of the printed page."""
    found = [_about_devices(environment), *_about_host(environment)]
    for what, directory in _directories(environment).items():
        if not directory.is_writable:
            found.append(Finding("warning", _NOT_WRITABLE[what].format(directory.path)))
        elif directory.free_bytes < _LITTLE_DISK_BYTES:
            free = format_bytes(directory.free_bytes)
            found.append(
                Finding("warning", f"the disk of {directory.path} has {free} free; free some")
            )
    if environment.is_offline:
        found.append(
            Finding(
                "note",
                "HF_HUB_OFFLINE is set: of the Hugging Face hub only what is kept already is "
                "found; unset it to fetch more",
            )
        )
    for extra, packages in environment.missing.items():
        found.append(
            Finding(
                "note",
                f"the extra {extra} is not there ({', '.join(packages)}); get it by "
                f'pip install "{_DISTRIBUTION}[{extra}]"',
            )
        )
    return found


def doctor_text(environment: Environment) -> str:
    """The environment and what it means, for people."""
    rows = dict(environment.versions) | {
        "platform": environment.platform,
        "cpu": f"{environment.cores} cores, of which PyTorch uses {environment.threads}",
        "memory": format_bytes(environment.memory_bytes),
    }
    for index, device in enumerate(environment.devices):
        rows[f"cuda:{index}"] = (
            f"{device.name}, {format_bytes(device.free_bytes)} free of "
            f"{format_bytes(device.total_bytes)}"
        )
    for what, directory in _directories(environment).items():
        rows[what] = f"{directory.path}, {format_bytes(directory.free_bytes)} free"
    lines = [f"{name:<18}{value}" for name, value in rows.items()]
    lines.append("")
    lines += [f"{finding.level:<9}{finding.text}" for finding in findings(environment)]
    return "\n".join(lines)


def doctor_dict(environment: Environment) -> dict[str, Any]:
    """The same for scripts."""
    return {
        "schema": 1,
        **asdict(environment),
        "findings": [asdict(finding) for finding in findings(environment)],
    }


_NOT_WRITABLE = {
    "runs": "{} cannot be written, so runs cannot be kept here; give another place by --out",
    "prices": "{} cannot be written, so prices of candidates are not kept and planning a large "
    f"space takes a minute each time; set {DIRECTORY_VARIABLE} to a folder of yours",
    "hub data": "{} cannot be written, so no data set can be fetched from the Hugging Face hub; "
    "set HF_HOME to a folder of yours",
}


def _about_devices(environment: Environment) -> Finding:
    elsewhere = "plan for another device by `radars plan --budget 12GiB --set device=cuda`"
    if environment.devices:
        first = environment.devices[0]
        room_bytes = first.free_bytes * 9 // 10
        return Finding(
            "ok",
            f"runs use cuda:0; of its {format_bytes(first.total_bytes)} give at most nine tenths "
            f"of what is free: --budget {room_bytes // 2**20}MiB",
        )
    if environment.cuda is None:
        return Finding(
            "note",
            f"runs use the CPU, as this PyTorch is built without CUDA; install a build that has "
            f"it, or {elsewhere}",
        )
    return Finding(
        "note",
        f"runs use the CPU, as PyTorch, built for CUDA {environment.cuda}, sees no GPU; check the "
        f"driver and CUDA_VISIBLE_DEVICES, or {elsewhere}",
    )


def _about_host(environment: Environment) -> list[Finding]:
    found = [
        Finding(
            "ok",
            f"weights that are not live hold at most {format_bytes(environment.memory_bytes // 2)} "
            f"of memory, and go to the run's directory beyond that: "
            f"--set memory_savings.host_bytes=BYTES",
        )
    ]
    if environment.threads < environment.cores:
        found.append(
            Finding(
                "note",
                f"PyTorch uses {environment.threads} of {environment.cores} cores; for more, set "
                f"OMP_NUM_THREADS, and keep it, as results depend on it in the last bits",
            )
        )
    return found


def _directories(environment: Environment) -> dict[str, Directory]:
    return {
        "runs": environment.runs,
        "prices": environment.prices,
        "hub data": environment.hub_data,
    }


def _device(index: int) -> Device:
    free_bytes, total_bytes = torch.cuda.mem_get_info(index)
    return Device(torch.cuda.get_device_name(index), total_bytes, free_bytes)


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
        requirements = metadata.requires(_DISTRIBUTION) or []
    except metadata.PackageNotFoundError:  # run from a folder
        return missing
    for requirement in requirements:
        match = re.match(r"([\w.-]+).*extra == ['\"]([\w-]+)['\"]", requirement)
        if match is None or match[2] in _FOR_DEVELOPERS or _version(match[1]) is not None:
            continue
        missing[match[2]] = (*missing.get(match[2], ()), match[1])
    return missing
