"""`WandbCurves`: curves and pictures for Weights & Biases. The only place that imports it."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from radars.runs.files import write_atomically
from radars.tracking.curves import Curves, Picture, known_id, refusals_said

_ID_NAME = "wandb_run"


class WandbCurves(Curves):
    """Writes a run of Weights & Biases, as its own settings say.

    These are `WANDB_MODE` (`offline` for no network), `WANDB_PROJECT` (without it `radars`) and the
    others. A run that is resumed continues with the same run there.

    Args:
        path: the run directory, which keeps the id, and what is not yet uploaded.
        config: settings, shown with the run.

    Raises:
        RunError: Weights & Biases cannot be used.
    """

    def __init__(self, path: Path, config: Mapping[str, Any]) -> None:
        # here, as it is an extra, and slow
        import wandb

        id_file = path / _ID_NAME
        self._image = wandb.Image
        self._service = partial(
            refusals_said,
            "Weights & Biases",
            (wandb.Error, OSError, ValueError),  # the last of settings of its own
            "set WANDB_MODE=offline, or take wandb out of loggers",
        )
        with self._service():
            known = known_id(id_file)
            self._run = wandb.init(
                project=wandb.setup().settings.project or "radars",
                dir=str(path),
                id=known,
                resume="allow" if known else None,
                name=path.name,
                config=dict(config),
            )
            # a resumed run goes back some steps, which wandb's own count does not
            self._run.define_metric("*", step_metric="step")
        write_atomically(id_file, self._run.id + "\n")

    def write(self, step: int, scalars: Mapping[str, float]) -> None:
        """See `Curves`."""
        with self._service():
            self._run.log({"step": step, **scalars})

    def show(self, step: int, name: str, picture_HW3: Picture) -> None:
        """See `Curves`."""
        with self._service():
            self._run.log({"step": step, name: self._image(picture_HW3)})

    def close(self, status: str = "finished") -> None:
        """See `Curves`."""
        with self._service():
            self._run.finish(exit_code=0 if status == "finished" else 1)
