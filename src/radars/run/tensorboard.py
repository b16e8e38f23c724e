"""`TensorBoardCurves`: curves and pictures for TensorBoard."""

from collections.abc import Mapping
from pathlib import Path

from radars.run.curves import Curves, Picture


class TensorBoardCurves(Curves):
    """Writes TensorBoard's logs.

    Args:
        path: the directory of the logs.
        first_step: of a resumed run: what was written for this step and later is hidden.
    """

    def __init__(self, path: Path, first_step: int | None = None) -> None:
        # here, as it takes seconds
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(path), purge_step=first_step)

    def write(self, step: int, scalars: Mapping[str, float]) -> None:
        """See `Curves`."""
        for name, value in scalars.items():
            self._writer.add_scalar(name, value, step)

    def show(self, step: int, name: str, picture_HW3: Picture) -> None:
        """See `Curves`."""
        self._writer.add_image(name, picture_HW3, step, dataformats="HWC")

    def close(self, status: str = "finished") -> None:
        """See `Curves`."""
        self._writer.close()
