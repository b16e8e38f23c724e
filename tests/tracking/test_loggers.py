from importlib import util
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import (  # type: ignore[import-untyped]
    EventAccumulator,
)

from radars.errors import ConfigError
from radars.runs.directory import RunDirectory
from radars.tracking.loggers import check_installed, open_curves


def test_a_logger_that_is_not_installed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("radars.tracking.loggers.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r'mlflow is not; pip install "radars-nas\[mlflow\]"'):
        check_installed(["mlflow"])
    check_installed([])
    check_installed(None)


def test_tensorboard_draws_where_it_is_installed_and_nobody_asks_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RunDirectory.create(tmp_path / "run", {}) as run:
        with monkeypatch.context() as patch:
            patch.setattr("radars.tracking.loggers.find_spec", lambda name: None)
            with open_curves(None, run, 0) as curves:
                curves.write(1, {"accuracy": 0.5})
        assert not run.tensorboard_path.exists()
        with open_curves(None, run, 0):
            assert run.tensorboard_path.is_dir()


def test_curves_and_pictures_of_a_run_are_in_its_directory(tmp_path: Path) -> None:
    assert util.find_spec("tensorboard") is not None
    with RunDirectory.create(tmp_path / "run", {}) as run:
        with open_curves(["tensorboard", "tensorboard"], run, 0) as curves:
            curves.write(1, {"accuracy": 0.5})
            curves.show(1, "preferences", np.zeros((4, 6, 3), np.uint8))
        with open_curves([], run, 0) as curves:
            curves.write(2, {"accuracy": 0.5})
        assert len(list(run.tensorboard_path.iterdir())) == 1
        logs = EventAccumulator(str(run.tensorboard_path))
    logs.Reload()
    assert [point.step for point in logs.Scalars("accuracy")] == [1]
    [picture] = logs.Images("preferences")
    assert (picture.width, picture.height) == (6, 4)
