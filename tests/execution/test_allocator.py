import ctypes
import os
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
    with freed_memory_kept() if sys.argv[1] == "kept" else nullcontext():
        pass  # the end of an inner one changes nothing
    before = faults()
    work()
    print(faults() - before)
    inside = resident()
print(inside - resident())
"""
pytestmark = pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "gnu_get_libc_version"), reason="the C library is not glibc"
)


def measured(mode: str, **variables: str) -> tuple[int, int]:
    """Page faults of the second round, and the bytes that the end of the context gives back."""
    command = [sys.executable, "-c", PAGE_FAULTS, mode]
    environment = os.environ | variables
    output = subprocess.run(
        command, capture_output=True, text=True, check=True, env=environment
    ).stdout
    faults, given_back = map(int, output.split())
    return faults, given_back


@pytest.mark.slow
def test_freed_memory_is_used_again_without_page_faults_and_given_back_in_the_end() -> None:
    faults, given_back = measured("kept")
    usual_faults, _ = measured("usual")
    assert faults < 0.01 * usual_faults
    assert given_back > 60 * 2**20


@pytest.mark.slow
def test_what_the_user_set_stays() -> None:
    faults, _ = measured("kept", MALLOC_MMAP_THRESHOLD_="131072")
    usual_faults, _ = measured("usual", MALLOC_MMAP_THRESHOLD_="131072")
    assert faults > 0.5 * usual_faults
