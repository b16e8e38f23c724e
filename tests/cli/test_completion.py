"""Completion offers what there is, and does not wait for PyTorch."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from radars.cli import completion
from radars.comparison.read_table import read_table
from radars.errors import ConfigError


def test_the_tables_are_those_that_can_be_read() -> None:
    with pytest.raises(ConfigError, match=f"one of {', '.join(completion.TABLES)},"):
        read_table("none", data="cifar10")


def test_spaces_data_and_files_of_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "space.py").touch()
    (tmp_path / "mobile.py").touch()
    (tmp_path / "images.parquet").touch()
    (tmp_path / ".hidden").mkdir()
    assert completion.complete_space("mo") == [
        *("mobile", "mobile-large", "mobile-elastic", "mobile.py")
    ]
    assert completion.complete_space("mi") == ["mine/"]
    assert completion.complete_space("mine/") == ["mine/space.py"]
    assert completion.complete_space("missing/") == []
    assert completion.complete_data("") == ["digits", "images.parquet", "mine/"]
    assert completion.complete_data(".h") == [".hidden/"]


def test_several_methods_none_twice() -> None:
    assert completion.complete_methods("radars,re") == ["radars,reinforce"]
    assert "radars,radars" not in completion.complete_methods("radars,")
    assert completion.complete_table("nas-bench-m") == ["nas-bench-macro="]


@pytest.mark.slow
def test_a_shell_is_answered_without_pytorch() -> None:
    program = (
        "import sys; sys.argv[0] = 'radars'\n"
        "import radars.cli.app, atexit\n"
        "atexit.register(lambda: print('torch' in sys.modules, file=sys.stderr))\n"
        "radars.cli.app.main()"
    )
    words = "radars search --method p"
    answer = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ
        | {"_RADARS_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": "3"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.split() == ["pcdarts", "proxyless"]
    assert answer.stderr.strip() == "False"
