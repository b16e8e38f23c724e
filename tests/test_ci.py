"""The workflow for GitHub, which is not run here: it agrees with `pyproject.toml` and `.ci/run`."""

import tomllib
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
JOBS: dict[str, Any] = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]


def _commands(job: str) -> list[str]:
    return [step["run"] for step in JOBS[job]["steps"] if "run" in step]


def test_the_oldest_declared_torch_has_a_job_of_its_own() -> None:
    [install, tests] = _commands("oldest-torch")
    for package in ("torch", "torchvision"):
        [oldest] = [
            requirement.removeprefix(f"{package}>=")
            for requirement in PROJECT["dependencies"]
            if requirement.startswith(f"{package}>=")
        ]
        assert f" {package}=={oldest}.0" in install
    assert tests == "pytest"


def test_every_python_that_is_declared_is_tested() -> None:
    versions = JOBS["tests"]["strategy"]["matrix"]["python"]
    prefix = "Programming Language :: Python :: 3."
    declared = [known for known in PROJECT["classifiers"] if known.startswith(prefix)]
    assert [f"{prefix[:-2]}{version}" for version in versions] == declared
    assert PROJECT["requires-python"] == f">={versions[0]}"


def test_what_runs_on_one_machine_runs_there_too() -> None:
    local = [
        line.removeprefix("step ").removesuffix(" &").split("  #")[0].removesuffix(" &")
        for line in (ROOT / ".ci" / "run").read_text().splitlines()
        if line.startswith(("step ruff", "step mypy", "step lint", "step python", "step pytest"))
    ]
    assert "pytest -m slow --numprocesses=3" in local
    assert set(local) <= {command for job in JOBS for command in _commands(job)}
