import ctypes
import subprocess
import sys

import pytest

PAGE_FAULTS = """
import resource, sys, torch
from contextlib import nullcontext
from radars.execution.allocator import freed_memory_kept

def work():
    for _ in range(20):
        torch.empty(64 * 2**20, dtype=torch.uint8).fill_(1)

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()

with freed_memory_kept() if sys.argv[1] == "kept" else nullcontext():
    work()  # the first time, pages are new in any case
    before = faults()
    work()
    print(faults() - before)
    inside = resident()
print(inside - resident())
"""
pytestmark = pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "gnu_get_libc_version"), reason="the C library is not glibc"
)


def measured(mode: str) -> tuple[int, int]:
    """Page faults of the second round, and the bytes that the end of the context gives back."""
    command = [sys.executable, "-c", PAGE_FAULTS, mode]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    faults, given_back = map(int, output.split())
    return faults, given_back


def test_freed_memory_is_used_again_without_page_faults_and_given_back_in_the_end() -> None:
    faults, given_back = measured("kept")
    usual_faults, _ = measured("usual")
    assert faults < 0.01 * usual_faults
    assert given_back > 60 * 2**20
