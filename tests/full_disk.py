"""A disk that is full, for tests without one: files cannot grow beyond a size."""

import resource
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from radars.run import Bar, Progress


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
