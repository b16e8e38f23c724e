"""`open_curves`: opens the loggers that a configuration names."""

from collections.abc import Sequence
from contextlib import ExitStack
from importlib.util import find_spec
from typing import Literal

from radars.errors import ConfigError
from radars.runs.directory import RunDirectory
from radars.tracking.curves import AllCurves, Curves
from radars.tracking.mlflow import MlflowCurves
from radars.tracking.tensorboard import TensorBoardCurves
from radars.tracking.wandb import WandbCurves

LoggerName = Literal["tensorboard", "mlflow", "wandb"]


def check_installed(names: Sequence[LoggerName] | None) -> None:
    """Checks, before anything is written, that the package of each logger that is named is there.

    Raises:
        ConfigError: one is not.
    """
    for name in names or ():
        if find_spec(name) is None:
            raise ConfigError(
                f"loggers names packages that are installed, but {name} is not; "
                f'pip install "radars-nas[{name}]"'
            )


def open_curves(names: Sequence[LoggerName] | None, run: RunDirectory, first_step: int) -> Curves:
    """Opens the loggers of a run.

    Args:
        names: the names of the loggers; None for TensorBoard's where it is installed.
        run: whose curves are drawn.
        first_step: what a resumed run writes next; later points are of an earlier sitting.

    Raises:
        RunError: one cannot write.
    """
    default: Sequence[LoggerName] = ("tensorboard",) if find_spec("tensorboard") else ()
    with ExitStack() as opened:
        parts: list[Curves] = []
        for name in dict.fromkeys(default if names is None else names):
            curves: Curves
            if name == "tensorboard":
                curves = TensorBoardCurves(run.tensorboard_path, first_step)
            elif name == "mlflow":
                curves = MlflowCurves(run.path, run.config)
            else:
                curves = WandbCurves(run.path, run.config)
            parts.append(opened.enter_context(curves))
        opened.pop_all()
    return AllCurves(parts)
