from pathlib import Path
from typing import Any

import numpy as np
import pytest

from radars.errors import RunError
from radars.tracking.wandb import WandbCurves


@pytest.fixture(autouse=True)
def wandb() -> Any:
    return pytest.importorskip("wandb")


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"WANDB_MODE": "online"}, "No API key"),
        ({"WANDB_MODE": "offline", "WANDB_PROJECT": "a/b"}, "Invalid project name"),
        ({"WANDB_MODE": "nonsense"}, "Settings"),
    ],
)
def test_a_service_that_cannot_be_used_is_an_error_of_a_line(
    settings: dict[str, str],
    message: str,
    wandb: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wandb.teardown()  # or it would go on with the settings of before
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))  # no key of the user's
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(RunError, match=f"{message}.*; set WANDB_MODE=offline") as caught:
        WandbCurves(tmp_path, {})
    assert "\n" not in str(caught.value)
