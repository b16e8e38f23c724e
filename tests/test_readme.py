"""What the README shows, run."""

import re
import shlex
import sys
from pathlib import Path

import pytest
from tests.isolated import run_without
from tests.tiny import QUICK
from torch import nn

from radars.cli import app as cli

README = Path(__file__).parents[1] / "README.md"


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README.read_text("utf-8"), re.M | re.S)


@pytest.mark.slow
def test_the_python_example_finds_a_plain_network(monkeypatch: pytest.MonkeyPatch) -> None:
    [example] = _blocks("python")
    assert len([line for line in example.splitlines() if line.strip()]) <= 10
    names: dict[str, object] = {}
    exec(compile(example, "README.md", "exec"), names)
    model = names["model"]
    assert isinstance(model, nn.Module)
    assert not any(type(module).__module__.startswith("radars") for module in model.modules())


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
    [block] = [block for block in _blocks("") if "digits.onnx" in block]
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
