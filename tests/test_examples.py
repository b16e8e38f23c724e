"""Every example, run."""

import runpy
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "examples"
EXAMPLES = sorted({*FOLDER.glob("*.py")} - {FOLDER / "classify.py"})  # that one: test_readme.py


@pytest.mark.slow
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_example(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if "import timm" in path.read_text("utf-8"):
        pytest.importorskip("timm", reason="it starts from a network of timm")
    runpy.run_path(str(path), run_name="__main__")
    assert capsys.readouterr().out
