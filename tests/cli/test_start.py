import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from radars.cli.endings import errors_in_a_line
from radars.cli.start import main
from radars.cli.stopping import listen
from radars.errors import ConfigError


class Loading(ModuleType):
    """A module while whose import Ctrl-C is pressed, or SIGTERM comes."""

    def __init__(self, number: signal.Signals) -> None:
        super().__init__("radars.cli.app")
        self._number = number

    def __getattr__(self, name: str) -> object:
        if name == "main":
            signal.raise_signal(self._number)
        raise AttributeError(name)


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also where it was ignored
    yield
    listen()  # forgets that the command was stopped
    for each, handler in before.items():
        signal.signal(each, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_being_stopped_while_it_is_loaded_is_one_line(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "radars.cli.app", Loading(number))
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 130
    assert capsys.readouterr() == ("", "stopped\n")


@pytest.mark.parametrize("error", [RecursionError(), ConfigError("a configuration is plain YAML")])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_being_stopped_in_a_library_that_stumbles_over_it_is_that_line(
    number: signal.Signals, error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    def stumble() -> None:
        try:
            signal.raise_signal(number)
        except KeyboardInterrupt:
            raise error from None

    listen()
    with pytest.raises(SystemExit) as end, errors_in_a_line():
        stumble()
    assert end.value.code == 130
    assert capsys.readouterr() == ("", "stopped\n")


@pytest.mark.slow
@pytest.mark.parametrize("where", ["import", "run"])
def test_being_stopped_while_text_is_executed_ends_with_the_status(
    where: str, tmp_path: Path
) -> None:
    loads = "exec('raise KeyboardInterrupt')" if where == "import" else "None"
    program = f"""
import sys
from radars.cli import start

class App:
    def __getattr__(self, name):
        if name == "main":
            {loads}
            return self.run
        raise AttributeError(name)

    def run(self):
        try:
            exec("raise KeyboardInterrupt")
        except KeyboardInterrupt:
            sys.exit(130)

sys.modules["radars.cli.app"] = App()
start.main()
"""
    (tmp_path / "stopped.py").write_text(program)
    command = [sys.executable, "-m", "stopped"]  # as `python -m radars`
    assert subprocess.run(command, cwd=tmp_path, check=False).returncode == 130


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_comes_when_the_command_has_ended_changes_nothing(
    number: signal.Signals, tmp_path: Path
) -> None:
    program = f"""
import atexit, os, sys
from radars.cli import start

class App:
    def main(self):
        sys.exit(3)

atexit.register(os.kill, os.getpid(), {number.value})  # while Python closes
sys.modules["radars.cli.app"] = App()
start.main()
"""
    (tmp_path / "ended.py").write_text(program)
    command = [sys.executable, "-m", "ended"]
    ended = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True)
    assert (ended.returncode, ended.stderr) == (3, b"")
