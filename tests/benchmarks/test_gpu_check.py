"""The check of a GPU, rehearsed on the CPU."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from gpu_check.__main__ import table
from gpu_check.bundle import PARTS, pack, unpack
from gpu_check.stage import Figures, Setting, Skipped
from gpu_check.stages import STAGES

from radars.data import DataConfig, load_data

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
ON_A_GPU_ONLY = {"floor", "sync", "caps", "busy"}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    pytest.importorskip("pyarrow")
    folder: Path = request.getfixturevalue("data_dir")
    path = tmp_path_factory.mktemp("bundle") / "images.safetensors"
    pack(folder, path, dict(zip(PARTS, (600, 100, 20), strict=True)))
    return path


def test_a_bundle_is_read_as_the_images_that_it_was_made_of(bundle: Path, tmp_path: Path) -> None:
    images = tmp_path / "images"
    unpack(bundle, images)
    data = load_data(DataConfig(source=str(images / "cifar10"), validation_fraction=0.0), seed=0)
    assert (len(data.train), data.num_classes, data.input_shape) == (600, 10, (3, 32, 32))
    large = DataConfig(source=str(images / "imagenet"), validation_fraction=0.0, image_size=64)
    assert len(load_data(large, seed=0).train) == 16  # a fifth is held out, where no test is given


def test_figures_are_on_disk_at_once(tmp_path: Path) -> None:
    figures = Figures(tmp_path / "stage.json")
    figures.note(held_bytes=3)
    figures.check("within", False)
    known = json.loads(figures.path.read_text())
    assert (known["held_bytes"], known["checks"]) == (3, {"within": False})


def test_what_needs_a_gpu_or_images_is_skipped_without_them(tmp_path: Path) -> None:
    setting = Setting(torch.device("cpu"), None, True, time.monotonic() + 60)
    for stage in STAGES:
        if stage.name in {*ON_A_GPU_ONLY, "pipeline", "accuracy", "paper"}:
            with pytest.raises(Skipped):
                stage.run(setting, Figures(tmp_path / "stage.json"))


def test_the_table_says_what_is_not_so() -> None:
    about = {"date": "2026-11-29", "machine": "one", "torch": "2.11"}
    rows = [
        {"stage": "floor", "status": "skipped", "skipped": "no GPU", "checks": {}, "lines": []},
        {"stage": "tight", "status": "done", "checks": {"a": True, "b": False}, "lines": ["1 ms"]},
    ]
    lines = table([about | {"seconds": 1.0} | row for row in rows]).splitlines()
    assert lines[-2:] == [
        "| floor | skipped: no GPU | 1.0 | 0 of 0 |  |",
        "| tight | done | 1.0 | 1 of 2 | 1 ms; NOT SO: b |",
    ]


def test_what_is_there_is_told_in_a_line(tmp_path: Path) -> None:
    figures = Figures(tmp_path / "stage.json")
    [versions] = [stage for stage in STAGES if stage.name == "versions"]
    versions.run(Setting(torch.device("cpu"), None, True, time.monotonic() + 60), figures)
    [line] = figures.lines
    assert f"PyTorch {torch.__version__}" in line


@pytest.mark.slow
def test_the_rehearsal_on_the_cpu_ends_well(bundle: Path) -> None:
    """Of two stages, one skipped; of all with `RADARS_THOROUGH=1`, which takes minutes."""
    is_whole = bool(os.environ.get("RADARS_THOROUGH"))
    stages = [stage.name for stage in STAGES] if is_whole else ["floor", "tight"]
    command = [sys.executable, "-m", "gpu_check", "--device", "cpu", "--quick"]
    ended = subprocess.run(
        [
            *(*command, "--data", str(bundle)),
            *(part for name in stages for part in ("--only", name)),
            *("--patience", "5", "--minutes", "14"),
        ],
        cwd=BENCHMARKS,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    rows = [json.loads(line) for line in ended.stdout.splitlines() if line.startswith("{")]
    skipped = {row["stage"] for row in rows if row["status"] == "skipped"}
    assert (len(rows), skipped) == (len(stages), ON_A_GPU_ONLY & set(stages))
