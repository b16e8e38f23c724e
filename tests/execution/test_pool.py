import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

# three tasks for two processes: each says that it began, and goes on until it is told to stop
OWNER = """
import os, signal, sys, time
from concurrent.futures import as_completed
from pathlib import Path
from radars.errors import Stopped
from radars.execution.interrupt import Interrupt
from radars.execution.pool import process_pool

def task(name):
    folder = Path(sys.argv[1])
    (folder / f"{name} began").write_text(str(os.getpid()))
    with Interrupt() as interrupt:
        while not interrupt.stop_requested:
            time.sleep(0.01)
        time.sleep(0.3)  # while it saves, another signal would cut it off
        (folder / f"{name} saved").touch()
        raise Stopped("saved")

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also where it was ignored
    try:
        with process_pool(2, 1) as pool:
            for future in as_completed([pool.submit(task, name) for name in "abc"]):
                future.result()
    except Stopped as error:
        print(error, flush=True)
        sys.exit(130)
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["ctrl-c", "killed"])
def test_what_stops_the_owner_stops_the_processes_once_and_begins_nothing(
    number: signal.Signals, tmp_path: Path
) -> None:
    script = tmp_path / "owner.py"
    script.write_text(OWNER)
    folder = tmp_path / "folder"
    folder.mkdir()
    command = [sys.executable, str(script), str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
        began = wait_for(folder, "began")
        os.kill(owner.pid, number)  # to it alone, not to its group as a terminal would
        output, _ = owner.communicate(timeout=120)
    assert wait_for(folder, "saved") == dict.fromkeys(began, "")
    assert len(began) == 2
    for pid in began.values():
        assert is_gone(int(pid))
    if number is signal.SIGINT:
        assert owner.returncode == 130
        assert "what is done is saved" in output


def wait_for(folder: Path, what: str) -> dict[str, str]:
    """Waits for the files of two tasks; returns what is in all there are, by task."""
    deadline = time.monotonic() + 120
    while len(found := sorted(folder.glob(f"* {what}"))) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return {file.name.split()[0]: file.read_text() for file in found}


def is_gone(pid: int) -> bool:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        stat = Path(f"/proc/{pid}/stat")
        if stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z":
            return True  # of nobody who could ask for its status
        time.sleep(0.02)
    return False
