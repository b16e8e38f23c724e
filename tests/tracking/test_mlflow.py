from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.tiny import quick_config, tiny_data, tiny_space

from radars.engine.given import Given
from radars.engine.run import run_search
from radars.errors import RunError
from radars.tracking.mlflow import MlflowCurves, flat


@pytest.fixture
def mlflow() -> Any:
    return pytest.importorskip("mlflow")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # its own, and those of what it stands on
def test_a_resumed_run_is_one_run_in_a_local_store(
    mlflow: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/store.db")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "an experiment")
    monkeypatch.chdir(tmp_path)  # where pictures go
    config = {"seed": 3, "explore": {"steps": 600}, "none": {}}
    curves = MlflowCurves(tmp_path, config)
    curves.write(1, {"accuracy": 0.5, "loss": float("nan")})
    curves.close("stopped")
    with MlflowCurves(tmp_path, config) as curves:
        curves.write(2, {"accuracy": 0.75})
        curves.show(2, "preferences", np.zeros((4, 6, 3), np.uint8))
    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name("an experiment")
    [run] = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    assert run.data.params == {"seed": "3", "explore.steps": "600", "none": "{}"}
    points = client.get_metric_history(run.info.run_id, "accuracy")
    assert [(point.step, point.value) for point in points] == [(1, 0.5), (2, 0.75)]
    assert "loss" not in run.data.metrics
    assert [file.path for file in client.list_artifacts(run.info.run_id)] == ["images"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_search_is_a_run(mlflow: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/store.db")
    monkeypatch.chdir(tmp_path)
    config = quick_config(loggers=("mlflow",))
    run_search(config, Given(space=tiny_space(), data=tiny_data()), out=tmp_path / "run")
    client = mlflow.MlflowClient()
    ids = [experiment.experiment_id for experiment in client.search_experiments()]
    [run] = client.search_runs(ids)
    assert run.info.status == "FINISHED"
    assert run.data.params["method"] == "radars"
    assert {"live_candidates", "predicted_peak_bytes", "budget_bytes"} <= set(run.data.metrics)


def test_settings_are_flat() -> None:
    assert flat({"a": {"b": {"c": 1}}, "d": [1, 2]}) == {"a.b.c": "1", "d": "[1, 2]"}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("mlflow")
def test_a_store_that_cannot_be_used_is_an_error_of_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nosuchstore://x")
    with pytest.raises(RunError, match="set MLFLOW_TRACKING_URI") as caught:
        MlflowCurves(tmp_path, {})
    assert "\n" not in str(caught.value)
