import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.tiny import InterruptAt

from radars.errors import ConfigError, Stopped
from radars.tracking.progress import NoProgress, Progress
from radars.training import TrainResult
from radars.training.start_training import start_training

OPTIONS = {"epochs": 1, "device": "cpu", "data": {"num_train": 128}}

Start = Callable[..., TrainResult]


@pytest.fixture
def start(architecture: dict[str, str], tmp_path: Path) -> Start:
    """A training as the command line starts it."""
    file = tmp_path / "architecture.json"
    file.write_text(json.dumps(architecture))

    def start(
        *, resume: bool = False, progress: Progress | None = None, **options: Any
    ) -> TrainResult:
        return start_training(
            file,
            OPTIONS | options,
            config_file=None,
            overrides=(),
            out=tmp_path / "run",
            resume=resume,
            progress=progress or NoProgress(),
        )

    return start


def test_what_is_stopped_says_how_to_go_on(start: Start, tmp_path: Path) -> None:
    with pytest.raises(Stopped, match=f"--out {tmp_path / 'run'} and --resume"):
        start(progress=InterruptAt(1))
    assert start(resume=True).epochs == 1


def test_what_is_completed_is_only_read_again(start: Start, tmp_path: Path) -> None:
    result = start()
    before = (tmp_path / "run" / "events.jsonl").read_bytes()
    again = start(resume=True, max_skipped_steps=7)
    assert again.to_dict() == result.to_dict()
    assert (tmp_path / "run" / "events.jsonl").read_bytes() == before
    with pytest.raises(ConfigError, match="epochs was 1 and is now 2"):
        start(resume=True, epochs=2)
