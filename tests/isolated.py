"""Programs that run in a virtual environment where some packages are not installed."""

import atexit
import os
import shutil
import subprocess
import sysconfig
import tempfile
import venv
from collections.abc import Iterable
from functools import cache
from pathlib import Path

_CHECK = """
import sys
from importlib.util import find_spec

assert not any(map(find_spec, {packages}))
"""


def run_without(packages: Iterable[str], code: str, *arguments: str) -> str:
    """Runs a program in an environment that lacks the packages; returns what it prints."""
    lacking = frozenset(packages)
    program = _CHECK.format(packages=sorted(lacking)) + code
    python = _python_without(lacking)
    done = subprocess.run(
        [python, "-W", "error::UserWarning:__main__", "-c", program, *arguments],
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@cache
def _python_without(packages: frozenset[str]) -> str:
    return environment_without(packages)


def environment_without(packages: Iterable[str]) -> str:
    """The interpreter of a new environment, with links to all else that is installed here."""
    root = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    venv.create(root, symlinks=True)
    scheme = sysconfig.get_preferred_scheme("prefix")
    own = Path(sysconfig.get_path("purelib", scheme, {"base": str(root)}))
    for installed in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for entry in Path(installed).iterdir():
            name = entry.name.partition(".")[0].partition("-")[0]
            # a .pth file is how radars itself is installed for development
            if name not in packages and entry.suffix != ".pth":
                (own / entry.name).symlink_to(entry)
    return str(root / "bin" / "python")
