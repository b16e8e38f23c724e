from pathlib import Path

import numpy as np
import pytest

from radars.run.wandb import WandbCurves


@pytest.mark.filterwarnings("ignore")
def test_an_offline_run_is_kept_in_the_run_directory_and_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    ids = []
    for step in range(2):
        with WandbCurves(tmp_path, {"seed": 3}) as curves:
            curves.write(step, {"accuracy": 0.5})
            curves.show(step, "preferences", np.zeros((4, 6, 3), np.uint8))
        ids.append((tmp_path / "wandb_run").read_text())
    assert ids[0] == ids[1]
    logs = list(tmp_path.glob("wandb/offline-run-*/run-*.wandb"))
    assert logs
    assert all(log.stat().st_size > 0 for log in logs)
