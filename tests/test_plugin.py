"""A method, a ranker and a cost from a package outside of this repository (examples/plugin)."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PLUGIN = Path(__file__).parents[1] / "examples" / "plugin"
QUICK = (
    *("--budget", "16MiB", "--set", "data.num_train=128", "--set", "data.batch_size=16"),
    *("--set", "children.number=3", "--set", "children.steps=2", "--set", "loggers=[]"),
    *("--constraint", "layers<=30"),
)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package and its entry points, as pip lays them there."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(PLUGIN / "radars_plugin", folder / "radars_plugin")
    project = tomllib.loads((PLUGIN / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    info = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Name: {project['name']}\nVersion: {project['version']}\n")
    lines = [
        line
        for group, points in project["entry-points"].items()
        for line in (f"[{group}]", *(f"{name} = {place}" for name, place in points.items()))
    ]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    return folder


PROGRAM = """
import json
import sys
import traceback
from pathlib import Path

from radars.cli.start import main
from radars.testing import check_cost, check_method, check_ranker

for arguments in json.loads(sys.argv[1]):
    sys.argv = ["radars", *arguments]
    try:
        main()
    except SystemExit as end:
        assert not end.code, arguments
try:
    check_cost("layers")
    check_ranker("gradient-norm")
    check_method("hill-climbing", **{"hill-climbing": {"starts": 6}})
except Exception:
    said = traceback.format_exc()
else:
    said = "passed"
Path("suite").write_text(said)
"""


@pytest.fixture(scope="module")
def ended(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Commands and the suite, in one process in a folder, as each imports all; what it printed."""
    folder = tmp_path_factory.mktemp("work")
    ranker = ("--set", "explore.rankers=[gradient-norm]")
    method = ("--method", "hill-climbing", "--set", "hill-climbing.starts=2")
    commands = [
        ["search", *method, *ranker, *QUICK, "--out", "run"],
        ["compare", "--methods", "hill-climbing", "--seeds", "0", *QUICK, "--out", "compared"],
    ]
    path = os.pathsep.join(filter(None, [str(installed), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(commands)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def test_each_of_them_is_short() -> None:
    for file in (PLUGIN / "radars_plugin").glob("*.py"):
        assert len(file.read_text(encoding="utf-8").splitlines()) < 60, file.name


@pytest.mark.slow
def test_the_commands_know_what_a_package_registers(ended: tuple[Path, str]) -> None:
    folder, printed = ended
    result = json.loads((folder / "run" / "result.json").read_text())
    assert (result["status"], result["method"]) == ("completed", "hill-climbing")
    assert result["costs"]["layers"]["sum"] <= 30
    assert "| default | hill-climbing | completed |" in printed


@pytest.mark.slow
def test_what_a_package_registers_passes_the_suite_that_it_can_call(
    ended: tuple[Path, str],
) -> None:
    assert (ended[0] / "suite").read_text() == "passed"
