import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from radars.errors import RunError
from radars.runs.lock import DirectoryLock

# the owner also forks a child that outlives it, as a data loader worker may
OWNER = """
import os, sys
from pathlib import Path
from radars.runs.lock import DirectoryLock
lock = DirectoryLock(Path(sys.argv[1]))
if os.fork() == 0:
    sys.stdin.read()
    os._exit(0)
print("locked", flush=True)
sys.stdin.read()
"""


@pytest.mark.slow
def test_a_second_process_waits_for_the_death_of_the_first(tmp_path: Path) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", OWNER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"locked\n"
        with pytest.raises(RunError, match=f"in use by process {owner.pid};"):
            DirectoryLock(tmp_path)
        owner.send_signal(signal.SIGKILL)
        owner.wait()
        DirectoryLock(tmp_path).release()


def test_the_same_process_cannot_lock_twice(tmp_path: Path) -> None:
    lock = DirectoryLock(tmp_path)
    with pytest.raises(RunError, match=f"in use by process {os.getpid()};"):
        DirectoryLock(tmp_path)
    lock.release()
    lock.release()
    DirectoryLock(tmp_path).release()


def test_a_missing_directory(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="No such file"):
        DirectoryLock(tmp_path / "none")


def test_deleting_the_file_frees_nothing(tmp_path: Path) -> None:
    lock = DirectoryLock(tmp_path)
    (tmp_path / "lock").unlink()
    with pytest.raises(RunError, match="in use by"):
        DirectoryLock(tmp_path)
    lock.release()
    DirectoryLock(tmp_path).release()


def test_a_link_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "thesis.tex").write_text("mine")
    (tmp_path / "run" / "lock").symlink_to(tmp_path / "thesis.tex")
    with pytest.raises(RunError, match="it is a link"):
        DirectoryLock(tmp_path / "run")
    assert (tmp_path / "thesis.tex").read_text() == "mine"
