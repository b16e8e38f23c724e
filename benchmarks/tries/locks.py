"""A run that goes on, and somebody deletes its lock."""

import os
import random
import shutil
import signal

from tries.place import QUICK, SPACE, Place, running


def deleted_locks(place: Place, draw: random.Random) -> str | None:
    """The lock of a run that goes on is deleted or replaced: a second one does not start."""
    run = place.root / "new"
    first = running(place, run)
    lock = run / "lock"
    kind = draw.choice(["deleted", "another file", "a link", "a directory", "moved"])
    if kind == "moved":
        lock.rename(run / "was")
    else:
        lock.unlink()
    if kind == "another file":
        lock.write_text("1")
    elif kind == "a link":
        lock.symlink_to(place.root / "outside")
    elif kind == "a directory":
        lock.mkdir()
    commands: list[tuple[object, ...]] = [
        ("search", "--resume", "--out", run),
        ("search", *SPACE, *QUICK, "--out", run),
    ]
    second = place.run(*draw.choice(commands)).problem(1, 2)
    is_alive = os.waitid(os.P_PID, first, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
    os.kill(first, draw.choice([signal.SIGKILL, signal.SIGTERM]))
    place.ended(first)
    if (place.root / "outside").exists():
        second = "a file outside was written"
    if lock.is_dir():
        shutil.rmtree(lock)
    problem = second or (None if is_alive else "the first one ended")
    return problem and f"{kind}: {problem}"
