"""Every example, run."""

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

FOLDER = Path(__file__).parents[1] / "examples"
OWN_PROCESS = FOLDER / "two_nodes.py"  # Ray has one cluster a process
ELSEWHERE = {FOLDER / "classify.py", OWN_PROCESS}  # the first: test_readme.py
EXAMPLES = sorted({*FOLDER.glob("*.py")} - ELSEWHERE)
OPTIONAL = ("timm", "transformers", "ray")


def skip_where_something_is_missing(path: Path) -> None:
    for name in OPTIONAL:
        if re.search(rf"^(?:import|from) {name}\b", path.read_text("utf-8"), re.M):
            pytest.importorskip(name, reason=f"it needs {name}, which is not installed")


@pytest.mark.slow
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_example(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    skip_where_something_is_missing(path)
    runpy.run_path(str(path), run_name="__main__")
    assert capsys.readouterr().out


@pytest.mark.slow
def test_a_search_on_a_cluster_of_two_nodes() -> None:
    skip_where_something_is_missing(OWN_PROCESS)
    with TemporaryDirectory(prefix="ray-") as folder:  # a short path: Ray's sockets are in it
        own = {
            "RAY_TMPDIR": folder,
            "RAY_worker_niceness": "0",  # 15 by default: beside other tests they would starve
            "PYTHONPATH": str(FOLDER.parent / "src"),
        }
        done = subprocess.run(
            [sys.executable, str(OWN_PROCESS)],
            env=os.environ | own,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert "random on digits: completed" in done.stdout
    assert "searched on 2 nodes" in done.stdout
