"""Programs that run where some packages are not installed."""

import subprocess
import sys
from collections.abc import Iterable

_HIDE = """
import sys

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {packages!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Hidden())
assert not set(sys.modules) & {packages!r}
"""


def run_without(packages: Iterable[str], code: str, *arguments: str) -> str:
    """Runs a program in a process of its own that cannot import the packages; what it prints."""
    program = _HIDE.format(packages=set(packages)) + code
    command = [sys.executable, "-W", "error::UserWarning:__main__", "-c", program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
