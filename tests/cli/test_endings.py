import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize("command", ["--help", "--version"])
def test_output_that_nobody_reads_ends_without_a_word(command: str) -> None:
    """As of `radars --help | head -1`."""
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "radars", command],
            stdout=write,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        os.close(write)
    assert done.stderr == ""
    assert done.returncode == 1
