"""`MlflowCurves`: curves and pictures for MLflow. The only place that imports it."""

import math
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from time import time
from typing import Any

from radars.runs.files import write_atomically
from radars.tracking.curves import Curves, Picture, known_id, refusals_said

_ID_NAME = "mlflow_run"
_STATUS = {"finished": "FINISHED", "stopped": "KILLED", "failed": "FAILED"}
_PARAMS_AT_ONCE = 100  # MLflow's limit


class MlflowCurves(Curves):
    """Writes a run of MLflow's, in the store and the experiment that its own settings name.

    These are `MLFLOW_TRACKING_URI` and `MLFLOW_EXPERIMENT_NAME`; without the latter it is
    `radars`. A run that is resumed continues with the same run of MLflow's.

    Args:
        path: the run directory, which keeps MLflow's id.
        config: settings; parameters of the run there.

    Raises:
        RunError: its store cannot be used.
    """

    def __init__(self, path: Path, config: Mapping[str, Any]) -> None:
        # here, as it is an extra, and slow
        import mlflow
        from mlflow.entities import Metric, Param

        self._new_metric = Metric
        self._store = partial(
            refusals_said,
            "MLflow's store",
            (mlflow.MlflowException, OSError, ValueError),
            "set MLFLOW_TRACKING_URI, or take mlflow out of loggers",
        )
        with self._store():
            self._client = mlflow.MlflowClient()
            id_file = path / _ID_NAME
            known = known_id(id_file)
            if known is not None:
                self._id = known
                self._client.update_run(self._id, "RUNNING")
                return
            name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "radars")
            experiment = self._client.get_experiment_by_name(name)
            experiment_id = (
                self._client.create_experiment(name)
                if experiment is None
                else experiment.experiment_id
            )
            self._id = self._client.create_run(experiment_id, run_name=path.name).info.run_id
            params = [Param(key, value) for key, value in flat(config).items()]
            for start in range(0, len(params), _PARAMS_AT_ONCE):
                batch = params[start : start + _PARAMS_AT_ONCE]
                self._client.log_batch(self._id, params=batch)
        write_atomically(id_file, self._id + "\n")

    def write(self, step: int, scalars: Mapping[str, float]) -> None:
        """See `Curves`; what is not finite is left out."""
        now_ms = int(time() * 1000)
        metrics = [
            self._new_metric(name, value, now_ms, step)
            for name, value in scalars.items()
            if math.isfinite(value)
        ]
        with self._store():
            self._client.log_batch(self._id, metrics=metrics)

    def show(self, step: int, name: str, picture_HW3: Picture) -> None:
        """See `Curves`."""
        with self._store():
            self._client.log_image(self._id, picture_HW3, key=name, step=step)

    def close(self, status: str = "finished") -> None:
        """See `Curves`."""
        with self._store():
            self._client.set_terminated(self._id, _STATUS[status])


def flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Settings by their dotted keys, as text."""
    known: dict[str, str] = {}
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            known |= flat(value, f"{prefix}{key}.")
        else:
            known[prefix + key] = str(value)
    return known
