"""`Curves`: where numbers and pictures of a run go while it runs, for people to look at."""

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from radars.errors import RunError, Stopped, first_line
from radars.reading import read_file

Picture = NDArray[np.uint8]
"""(height, width, 3): red, green, blue."""
_LONGEST_ID_BYTES = 1000


class Curves(ABC):
    """Takes numbers and pictures by name and step; used in a `with` block."""

    @abstractmethod
    def write(self, step: int, scalars: Mapping[str, float]) -> None:
        """Adds a point to each curve."""

    @abstractmethod
    def show(self, step: int, name: str, picture_HW3: Picture) -> None:
        """Adds a picture to a series."""

    @abstractmethod
    def close(self, status: str = "finished") -> None:
        """Writes what is still in memory.

        Args:
            status: `finished`, `stopped` or `failed`.
        """

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            self.close()
            return
        with suppress(Exception):  # what ended the run is what people need to be told
            self.close("stopped" if isinstance(error, Stopped | KeyboardInterrupt) else "failed")


@contextmanager
def refusals_said(service: str, errors: tuple[type[Exception], ...], remedy: str) -> Iterator[None]:
    """Within, what a service of another's refuses is an error of one line.

    Args:
        service: its name.
        errors: what it raises.
        remedy: what the user can do.

    Raises:
        RunError: it refused.
    """
    try:
        yield
    except errors as error:
        raise RunError(f"{service} cannot be used: {first_line(error)}; {remedy}") from error


def known_id(file: Path) -> str | None:
    """The id that a service gave a run which is resumed; None where it is new.

    Raises:
        OSError, ValueError: the file holds no id.
    """
    if not os.path.lexists(file):
        return None
    return read_file(file, _LONGEST_ID_BYTES).decode().strip()


class AllCurves(Curves):
    """Passes everything on to each of several."""

    def __init__(self, parts: Iterable[Curves]) -> None:
        self._parts = tuple(parts)

    def write(self, step: int, scalars: Mapping[str, float]) -> None:
        """See `Curves`."""
        for part in self._parts:
            part.write(step, scalars)

    def show(self, step: int, name: str, picture_HW3: Picture) -> None:
        """See `Curves`."""
        for part in self._parts:
            part.show(step, name, picture_HW3)

    def close(self, status: str = "finished") -> None:
        """See `Curves`; one that fails keeps none of the others open."""
        with ExitStack() as stack:
            for part in reversed(self._parts):
                stack.callback(part.close, status)
