"""The C library's allocator, told to keep what a step gives back for the next one."""

import ctypes
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
    """
    library = _glibc()
    if library is None:
        return False
    library.mallopt(_MMAP_MAX, _NO_MMAP)
    library.mallopt(_TRIM_THRESHOLD, _NEVER_TRIM)
    return True


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Within, `keep_freed_memory`; afterwards the system has its memory back."""
    is_kept = keep_freed_memory()
    try:
        yield
    finally:
        library = _glibc() if is_kept else None
        if library is not None:
            library.mallopt(_MMAP_MAX, _USUAL_MMAP_MAX)
            library.mallopt(_MMAP_THRESHOLD, _USUAL_MMAP_THRESHOLD)
            library.mallopt(_TRIM_THRESHOLD, _USUAL_TRIM_THRESHOLD)
            library.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    """The C library where it is glibc; another's `mallopt` may mean something else."""
    try:
        library = ctypes.CDLL(None)
    except (OSError, TypeError):  # such as on Windows
        return None
    return library if hasattr(library, "gnu_get_libc_version") else None
