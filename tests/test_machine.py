"""Memory and processors in containers and under schedulers, on control groups that are made up."""

import os
from pathlib import Path

import pytest

from radars.machine import processor_name, usable_memory_bytes, usable_processors
from radars.units import GIB

MACHINE_BYTES = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
UNLIMITED_V1 = 2**63 - 4096


@pytest.fixture(autouse=True)
def eight_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    monkeypatch.delenv("SLURM_CPUS_PER_TASK", raising=False)


def _system(root: Path, groups: str, files: dict[str, str]) -> Path:
    for name, text in {"proc/self/cgroup": groups, **files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_without_control_groups_it_is_the_machine(tmp_path: Path) -> None:
    assert usable_memory_bytes(tmp_path) == MACHINE_BYTES
    assert usable_processors(tmp_path) == 8
    assert processor_name()


def test_a_container_of_version_2(tmp_path: Path) -> None:
    files = {"sys/fs/cgroup/memory.max": "268435456\n", "sys/fs/cgroup/cpu.max": "250000 100000\n"}
    root = _system(tmp_path, "0::/\n", files)
    assert usable_memory_bytes(root) == 256 << 20
    assert usable_processors(root) == 2


def test_the_narrowest_group_around_a_job_counts(tmp_path: Path) -> None:
    """A Slurm job: the limit is that of the job, and its steps have none of their own."""
    job = "sys/fs/cgroup/system.slice/slurmstepd.scope/job_7"
    files = {
        f"{job}/memory.max": "134217728\n",
        f"{job}/step_0/memory.max": "max\n",
        f"{job}/step_0/cpu.max": "max 100000\n",
    }
    root = _system(tmp_path, "0::/system.slice/slurmstepd.scope/job_7/step_0\n", files)
    assert usable_memory_bytes(root) == 128 << 20
    assert usable_processors(root) == 8


def test_a_container_of_version_1_sees_its_group_at_the_top(tmp_path: Path) -> None:
    groups = "7:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n1:name=systemd:/docker/abc\n"
    files = {
        "sys/fs/cgroup/memory/memory.limit_in_bytes": "268435456\n",
        "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "150000\n",
        "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
    }
    root = _system(tmp_path, groups, files)
    assert usable_memory_bytes(root) == 256 << 20
    assert usable_processors(root) == 1


def test_no_limit_of_version_1_is_the_machine(tmp_path: Path) -> None:
    files = {
        "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{UNLIMITED_V1}\n",
        "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
        "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
    }
    root = _system(tmp_path, "7:memory:/\n4:cpu:/\n", files)
    assert usable_memory_bytes(root) == MACHINE_BYTES
    assert usable_processors(root) == 8


def test_slurm_gives_a_task_its_processors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "3")
    assert usable_processors(tmp_path) == 3
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "many")
    assert usable_processors(tmp_path) == 8


def test_on_this_system_there_is_some() -> None:
    assert 0 < usable_memory_bytes() <= MACHINE_BYTES < 2**14 * GIB
    assert usable_processors() >= 1
