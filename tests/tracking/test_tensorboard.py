import threading
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import (  # type: ignore[import-untyped]
    EventAccumulator,
)
from tests.full_disk import full_for, largest_file

from radars.errors import RunError
from radars.tracking.tensorboard import TensorBoardCurves


def test_a_resumed_run_draws_one_curve(tmp_path: Path) -> None:
    with TensorBoardCurves(tmp_path) as writer:
        for step in range(4):
            writer.write(step, {"accuracy": 0.0, "loss": float("nan")})
    with TensorBoardCurves(tmp_path, first_step=2) as writer:
        writer.write(2, {"accuracy": 1.0})
    logs = EventAccumulator(str(tmp_path))
    logs.Reload()
    points = [(point.step, point.value) for point in logs.Scalars("accuracy")]
    assert points == [(0, 0.0), (1, 0.0), (2, 1.0)]


def test_it_has_no_thread_that_could_fail_alone(tmp_path: Path) -> None:
    before = threading.active_count()
    with TensorBoardCurves(tmp_path):
        assert threading.active_count() == before


def test_a_full_disk_is_said_at_once_and_leaves_whole_points(tmp_path: Path) -> None:
    noise_HW3 = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    with TensorBoardCurves(tmp_path) as writer:
        writer.write(1, {"accuracy": 0.5, "loss": 1.0})
        with largest_file(1000), pytest.raises(RunError, match=r"cannot write .*too large; free"):
            writer.show(2, "preferences", noise_HW3)
        with full_for("tfevents"), pytest.raises(RunError, match="No space left") as caught:
            writer.write(2, {"accuracy": 0.75})
        assert "\n" not in str(caught.value)
        writer.write(3, {"accuracy": 1.0})
    logs = EventAccumulator(str(tmp_path))
    logs.Reload()
    assert [(point.step, point.value) for point in logs.Scalars("accuracy")] == [(1, 0.5), (3, 1.0)]
    assert logs.Tags()["images"] == []


def test_a_disk_that_is_full_from_the_start(tmp_path: Path) -> None:
    with full_for("tfevents"), pytest.raises(RunError, match="No space left"):
        TensorBoardCurves(tmp_path / "logs")
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match=r"cannot write .*file/logs: Not a directory"):
        TensorBoardCurves(tmp_path / "file" / "logs")
