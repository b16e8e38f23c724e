"""One of each kind of the adversary's tries; all of them are run by hand."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "adversary.py"


@pytest.mark.slow
def test_a_try_of_each_kind_is_held(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), "--each", "1"]
    ended = subprocess.run(
        [*command, "--results", str(tmp_path / "tries.jsonl")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert "| all |" in ended.stdout
