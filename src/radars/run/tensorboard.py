"""`ScalarWriter`: curves for TensorBoard."""

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self


class ScalarWriter:
    """Writes numbers by name and step.

    Args:
        path: the directory of the logs.
        first_step: of a resumed run: what was written for this step and later is hidden.
    """

    def __init__(self, path: Path, first_step: int | None = None) -> None:
        # here, as it takes seconds
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(path), purge_step=first_step)

    def write(self, step: int, scalars: Mapping[str, float]) -> None:
        """Writes one point on each curve."""
        for name, value in scalars.items():
            self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        """Writes what is still in memory, and closes the logs."""
        self._writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
