"""The C library's allocator, told to keep what a step gives back for the next one."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4  # of mallopt(3)
_NEVER_TRIM, _NO_MMAP = -1, 0
_USUAL_MMAP_MAX = 65536
_USUAL_MMAP_THRESHOLD = 32 * 2**20  # where glibc's own moving threshold ends up
_USUAL_TRIM_THRESHOLD = 2 * _USUAL_MMAP_THRESHOLD


def keep_freed_memory() -> bool:
    """Lets this process keep what it frees; returns whether its C library can (glibc does).

    By default glibc gives a large tensor back to the system as soon as it is freed, and the next
    one of the same size comes as fresh pages, which the system has to fill with zeros first: a
    third of the time of a training step on the CPU (`benchmarks/allocator.py`). Tensors are counted
    as before; the resident memory of the process stays at its peak.

    Where the user's environment sets glibc's allocator (`MALLOC_TRIM_THRESHOLD_` and its like, or
    `GLIBC_TUNABLES`), it stays as it is.
    """
    library = _glibc()
    if library is None or _is_set_by_user():
        return False
    library.mallopt(_MMAP_MAX, _NO_MMAP)
    library.mallopt(_TRIM_THRESHOLD, _NEVER_TRIM)
    return True


_depth = 0  # of `freed_memory_kept`, in this process


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Within, `keep_freed_memory`; afterwards the system has its memory back.

    glibc does not say what its thresholds were. Afterwards they are those that its own rule, which
    moves them, ends at in a process that has freed large tensors.
    """
    global _depth
    is_kept = keep_freed_memory()
    _depth += 1
    try:
        yield
    finally:
        _depth -= 1
        library = _glibc() if is_kept and _depth == 0 else None
        if library is not None:
            library.mallopt(_MMAP_MAX, _USUAL_MMAP_MAX)
            library.mallopt(_MMAP_THRESHOLD, _USUAL_MMAP_THRESHOLD)
            library.mallopt(_TRIM_THRESHOLD, _USUAL_TRIM_THRESHOLD)
            library.malloc_trim(0)


def _is_set_by_user() -> bool:
    names = ("MALLOC_MMAP_MAX_", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_")
    return any(name in os.environ for name in names) or (
        "glibc.malloc" in os.environ.get("GLIBC_TUNABLES", "")
    )


def _glibc() -> ctypes.CDLL | None:
    """The C library where it is glibc; another's `mallopt` may mean something else."""
    try:
        library = ctypes.CDLL(None)
    except (OSError, TypeError):  # such as on Windows
        return None
    return library if hasattr(library, "gnu_get_libc_version") else None
