"""What the README and the first tutorial show, run."""

import re
import shlex
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tests.isolated import run_without
from tests.tiny import QUICK
from torch import nn

from radars.cli import app as cli

README = Path(__file__).parents[1] / "README.md"
TUTORIALS = README.parent / "docs"


def _blocks(language: str, page: Path = README) -> list[str]:
    found = re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text("utf-8"), re.M | re.S)
    return [block for known, block in found if known == language]


def _assert_plain(network: object) -> None:
    assert isinstance(network, nn.Module)
    assert not any(type(module).__module__.startswith("radars") for module in network.modules())


def test_the_page_is_read_in_three_minutes() -> None:
    text = re.sub(
        r"^```.*?^```|<!--.*?-->|(?<=\])\([^)]*\)", "", README.read_text("utf-8"), flags=re.M | re.S
    )
    assert len(re.findall(r"[A-Za-z][\w'-]*", text)) <= 600


@pytest.mark.slow
def test_the_python_example_prints_what_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    [example] = _blocks("python")
    assert len([line for line in example.splitlines() if line.strip()]) <= 12
    names: dict[str, Any] = {}
    exec(compile(example, "README.md", "exec"), names)
    _assert_plain(names["trained"].network)
    [shown] = _blocks("text")
    alike = re.compile(r"\d[\d,.]*|'(?:skip|conv3)'")  # numbers and candidates are a machine's
    assert alike.sub("?", capsys.readouterr().out) == alike.sub("?", shown)


@pytest.mark.slow
def test_the_tutorial_searches_a_network_and_data_of_ones_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    program = "\n".join(_blocks("python", TUTORIALS / "your-network.md"))
    assert "max_minutes=0.5" in program
    program = program.replace("max_minutes=0.5", "**quick")  # as long on a busy machine
    quick: dict[str, Any] = {
        "explore": {"steps": 32, "ranker_draws": 4},
        "differentiate": {"steps": 4},
    }
    quick |= {"num_rounds": 1, "select": {"finalists": 2, "halving_steps": [8]}}
    names: dict[str, Any] = {"quick": quick}
    exec(compile(program, "your-network.md", "exec"), names)
    assert names["found"].peak_bytes <= names["found"].budget_bytes
    _assert_plain(names["trained"].network)
    assert {path.suffix for path in tmp_path.iterdir()} >= {".safetensors", ".py"}
    assert "peak of a training step" in capsys.readouterr().out


SMALL_RESNET = '"resnet26", layers=(1, 1, 1, 2), channels=(16, 16, 16, 16),'


@pytest.mark.slow
def test_a_timm_model_is_searched_fine_tuned_and_exported(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The tutorial, but with a small network, random weights and small pictures of noise."""
    pytest.importorskip("timm", reason="the tutorial starts from a network of timm")
    monkeypatch.chdir(tmp_path)
    _draw_photos(tmp_path / "photos")
    program = "\n".join(_blocks("python", TUTORIALS / "fine-tune.md"))
    for shown, run in {
        '"resnet50",': SMALL_RESNET,
        "pretrained=True": "pretrained=False",
        "224": "16",
        "batch_size=64": "batch_size=8",
        "macs<=3G": "macs<=3M",
        "max_minutes=60": "**quick",
        "epochs=10": "epochs=1",
    }.items():
        assert shown in program
        program = program.replace(shown, run)
    quick = {"explore": {"steps": 16, "ranker_draws": 4}, "differentiate": {"steps": 4}}
    names: dict[str, Any] = {
        "quick": quick | {"num_rounds": 1, "select": {"finalists": 2, "halving_steps": [4]}}
    }
    exec(compile(program, "fine-tune.md", "exec"), names)
    found, pretrained = names["found"], names["pretrained"]
    assert set(found.architecture) == {"layer4.1"}
    assert found.macs <= 3e6
    assert torch.equal(found.build().state_dict()["conv1.weight"], pretrained["conv1.weight"])
    _assert_plain(names["trained"].network)
    assert (tmp_path / "photos.onnx").exists()
    assert "peak of a training step" in capsys.readouterr().out


def _draw_photos(folder: Path) -> None:
    """Two classes: bright noise and dark noise."""
    noise = np.random.default_rng(0)
    for split, number in (("train", 32), ("test", 8)):
        for name, brightness in (("cat", 60), ("dog", 190)):
            (folder / split / name).mkdir(parents=True)
            for index in range(number):
                pixels = noise.integers(brightness - 60, brightness + 60, (16, 16, 3), np.uint8)
                Image.fromarray(pixels).save(folder / split / name / f"{index}.png")


def test_the_test_command_is_the_one_that_ci_runs() -> None:
    [command] = [block.strip() for block in _blocks("") if "pytest" in block]
    assert command == 'pip install -e ".[dev]" && pytest'
    ci = (README.parent / ".ci" / "run").read_text("utf-8")
    for part in command.split(" && "):
        assert part.removeprefix("pip install ") in ci


@pytest.mark.slow
def test_five_commands_end_in_a_file_that_onnxruntime_alone_runs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    blocks = _blocks("", TUTORIALS / "first-minutes.md")
    [block] = [block for block in blocks if "digits.onnx" in block]
    install, search, train, export, classify = map(shlex.split, block.splitlines())
    assert install == ["pip", "install", "-e", ".[onnx]"]
    project = (README.parent / "pyproject.toml").read_text()
    [extras] = re.findall(r'^dev = \[\n +"radars-nas\[(.*)\]"', project, re.MULTILINE)
    assert "all" in extras.split(",")  # what CI installs

    (tmp_path / "examples").symlink_to(README.parent / "examples")
    monkeypatch.chdir(tmp_path)
    shorter = {"search": QUICK, "train": ["--epochs", "6"], "export": []}
    for command in (search, train, export):
        assert command[0] == "radars"
        monkeypatch.setattr(sys, "argv", [*command, *shorter[command[1]]])
        with pytest.raises(SystemExit) as end:
            cli.main()
        assert not end.value.code
    assert classify[:2] == ["python", "examples/classify.py"]
    program = (
        "import runpy\nsys.argv = sys.argv[1:]\nrunpy.run_path(sys.argv[0], run_name='__main__')"
    )
    printed = run_without({"radars", "torch"}, program, *classify[1:])
    assert printed.startswith("examples/digit.png: 3 (")
