"""`radars doctor`: what it sees here, and what it says of other machines."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from radars.cli.app import app
from radars.cli.doctor import doctor_text, findings
from radars.cli.examine import Device, Directory, Environment, examine
from radars.units import GIB

ROOM = Directory("/home/me", 100 * GIB, is_writable=True)
LAPTOP = Environment(
    versions={"python": "3.12.1", "torch": "2.14.1"},
    platform="Linux 6, x86_64",
    cuda=None,
    devices=(),
    cores=8,
    threads=8,
    memory_bytes=16 * GIB,
    runs=ROOM,
    prices=ROOM,
    hub_data=ROOM,
    is_offline=False,
    missing={},
)


def _said(environment: Environment, level: str) -> list[str]:
    return [finding.text for finding in findings(environment) if finding.level == level]


def test_a_laptop_without_cuda_is_told_to_plan_for_another_device() -> None:
    [note] = _said(LAPTOP, "note")
    assert "runs use the CPU" in note
    assert "built without CUDA" in note
    assert "radars plan --budget" in note
    assert _said(LAPTOP, "warning") == []


def test_a_build_with_cuda_that_sees_no_gpu_points_to_the_driver() -> None:
    [note] = _said(replace(LAPTOP, cuda="13.0"), "note")
    assert "CUDA_VISIBLE_DEVICES" in note


def test_a_gpu_gives_a_budget_below_what_is_free() -> None:
    gpu = Device("A card", total_bytes=12 * GIB, free_bytes=10 * GIB)
    server = replace(LAPTOP, cuda="13.0", devices=(gpu,))
    assert any("--budget 9216MiB" in text for text in _said(server, "ok"))
    assert "cuda:0            A card, 10.0 GiB free of 12.0 GiB" in doctor_text(server)
    assert _said(server, "note") == []


def test_a_folder_that_cannot_be_reached_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / ("x" * 300))
    environment = examine()
    assert environment.hub_data is not None
    assert not environment.hub_data.is_writable
    assert any("HF_HOME" in text for text in _said(environment, "warning"))


@pytest.mark.parametrize(
    ("change", "level", "remedy"),
    [
        ({"threads": 1}, "note", "OMP_NUM_THREADS"),
        ({"is_offline": True}, "note", "unset it"),
        ({"missing": {"scale": ("ray",)}}, "note", 'pip install "radars-nas[scale]"'),
        ({"runs": replace(ROOM, is_writable=False)}, "warning", "--out"),
        ({"prices": replace(ROOM, is_writable=False)}, "warning", "RADARS_CACHE_DIR"),
        ({"hub_data": replace(ROOM, is_writable=False)}, "warning", "HF_HOME"),
        ({"runs": replace(ROOM, free_bytes=GIB)}, "warning", "1.0 GiB free; free some"),
    ],
)
def test_what_is_lacking_comes_with_its_remedy(
    change: dict[str, object], level: str, remedy: str
) -> None:
    before = _said(LAPTOP, level)
    [said] = [text for text in _said(replace(LAPTOP, **change), level) if text not in before]  # type: ignore[arg-type]
    assert remedy in said


def test_it_looks_at_this_machine_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RADARS_CACHE_DIR", str(tmp_path / "cache"))
    result = CliRunner().invoke(app, ["doctor", "--json"])
    assert result.exit_code == 0
    seen = json.loads(result.output)
    assert seen["schema"] == 1
    assert seen["versions"]["torch"] == torch.__version__.partition("+")[0]
    assert seen["threads"] == torch.get_num_threads()
    assert seen["prices"]["path"] == str(tmp_path / "cache")
    assert seen["runs"] == {
        "path": str(tmp_path / "runs"),
        "free_bytes": seen["runs"]["free_bytes"],
        "is_writable": True,
    }
    assert seen["findings"]
    assert list(tmp_path.iterdir()) == []


def test_extras_that_are_not_installed_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    required = ["torch>=2.8", "ray[default]>=2; extra == 'no-such'", "ruff; extra == 'dev'"]
    known: Callable[[str], str | None] = {"torch": "2.8"}.get
    monkeypatch.setattr("radars.cli.examine.metadata.requires", lambda name: required)
    monkeypatch.setattr("radars.cli.examine._version", known)
    assert examine().missing == {"no-such": ("ray",)}
