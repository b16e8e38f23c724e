"""`radars doctor`: the environment that a run would have, and what that means for a user."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from radars.cli.examine import DISTRIBUTION, Directory, Environment
from radars.cost.price_cache import DIRECTORY_VARIABLE
from radars.units import GIB, format_bytes

_LITTLE_DISK_BYTES = 2 * GIB


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
                f'pip install "{DISTRIBUTION}[{extra}]"',
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
    known = {"runs": environment.runs, "prices": environment.prices}
    if environment.hub_data is None:
        return known
    return known | {"hub data": environment.hub_data}
