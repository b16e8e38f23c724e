"""What this process may use: the processor's name, processors and memory.

In a container, or under a scheduler such as Slurm, that is less than the machine has: Linux keeps
the limits in control groups (cgroups), of version 1 or 2.
"""

import os
import platform
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

_ROOT = Path("/")


def processor_name() -> str:
    """The model of the processor; less than that where the system does not say."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.processor())


def usable_memory_bytes(root: Path = _ROOT) -> int:
    """The memory that this process may use, in bytes: the machine's, or its control group's.

    Args:
        root: the root of the file system.
    """
    machine_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limits = _read(
        _control_groups(root, "memory"), ("memory.max",), ("memory.limit_in_bytes",)
    )  # "max", or a number beyond any memory, where there is no limit
    return min([machine_bytes, *(limit for limit, *_ in limits if limit > 0)])


def usable_processors(root: Path = _ROOT) -> int:
    """The processors that this process may use: by its affinity, its control group, and Slurm.

    Args:
        root: the root of the file system.
    """
    affinity = getattr(os, "sched_getaffinity", None)  # Linux has it
    known = [len(affinity(0)) if affinity else os.cpu_count() or 1]
    quotas = _read(
        _control_groups(root, "cpu"), ("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us")
    )
    known += [quota // period for quota, period in quotas if quota > 0 and period > 0]
    with suppress(KeyError, ValueError):
        known.append(int(os.environ["SLURM_CPUS_PER_TASK"]))
    return max(1, min(known))


def _control_groups(root: Path, controller: str) -> Iterator[Path]:
    """The folders of this process's group and of those around it, as they hold for it, too.

    Inside a container the path may be that outside of it; what is seen of it is then the top.
    """
    with suppress(OSError):
        for line in (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines():
            number, controllers, path = line.split(":", 2)
            if number == "0" and not controllers:
                top = root / "sys/fs/cgroup"
            elif controller in controllers.split(","):
                top = root / "sys/fs/cgroup" / controller
            else:
                continue
            group = top / path.lstrip("/")
            yield from (folder for folder in (group, *group.parents) if folder.is_relative_to(top))


def _read(groups: Iterable[Path], *forms: tuple[str, ...]) -> Iterator[list[int]]:
    """The numbers in the files of each group, whichever form it has; those without any left out."""
    for group in groups:
        for names in forms:
            with suppress(OSError, ValueError):  # none there; "max", which is no limit
                texts = [(group / name).read_text(encoding="utf-8") for name in names]
                yield [int(word) for text in texts for word in text.split()]
