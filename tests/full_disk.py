"""A disk that is full, for tests without one: files cannot grow, all of them or some."""

import errno
import os
import resource
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch

from radars.tracking.progress import Bar, Progress


@contextmanager
def largest_file(num_bytes: int) -> Iterator[None]:
    """Within, this process writes no file beyond a size."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, previous)


@contextmanager
def full_for(part: str) -> Iterator[None]:
    """Within, there is no space for files in whose path a part is."""
    write_bytes, write, save_file = Path.write_bytes, os.write, safetensors.torch.save_file

    def check(path: str | Path) -> None:
        if part in str(path):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def checked_write_bytes(path: Path, content: bytes) -> int:
        check(path)
        return write_bytes(path, content)

    def checked_write(descriptor: int, content: Any) -> int:
        check(Path(f"/proc/self/fd/{descriptor}").readlink())
        return write(descriptor, content)

    def checked_save_file(tensors: Any, path: Path, *metadata: Any) -> None:
        check(path)
        save_file(tensors, path, *metadata)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "write_bytes", checked_write_bytes)
        patch.setattr(os, "write", checked_write)
        for module in ("radars.runs.checkpoint", "radars.nn.memory_saving.disk_offload"):
            patch.setattr(f"{module}.save_file", checked_save_file)
        yield


class FullDiskAt(ExitStack, Progress):
    """Progress after some steps of which, until the block ends, no file may hold 20 kB."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self._steps_left = step

    @contextmanager
    def phase(
        self, description: str, total: int | None = None, completed: int = 0
    ) -> Iterator[Bar]:
        def on_change(bar: Bar) -> None:
            self._steps_left -= 1
            if self._steps_left == 0:
                self.enter_context(largest_file(20_000))

        yield Bar(description, total, on_change, completed)
