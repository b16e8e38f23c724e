"""What the README shows, run."""

import re
from pathlib import Path

import pytest
from torch import nn

README = Path(__file__).parents[1] / "README.md"


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README.read_text("utf-8"), re.M | re.S)


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
