from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import (  # type: ignore[import-untyped]
    EventAccumulator,
)

from radars.run.tensorboard import TensorBoardCurves


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
