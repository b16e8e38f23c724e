import ctypes
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from scipy.optimize import LinearConstraint, milp

from radars.cost.program import solve

AT_MOST_TWO = LinearConstraint(np.ones((1, 3)), -np.inf, 2)


def test_the_best_within_the_rows() -> None:
    found = solve(np.array([-3.0, -1.0, -2.0]), [AT_MOST_TWO])
    assert found is not None
    assert found.round().tolist() == [1, 0, 1]


def test_variables_that_need_not_be_whole() -> None:
    found = solve(
        np.array([-3.0, -1.0, -2.0]), [AT_MOST_TWO], integrality=[1, 1, 0], most=[1, 1, 0.5]
    )
    assert found is not None
    assert found.tolist() == pytest.approx([1, 0, 0.5])


def test_nothing_within_the_rows() -> None:
    assert solve(np.ones(3), [LinearConstraint(np.ones((1, 3)), 4, np.inf)]) is None


def test_the_solver_prints_nothing(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def talkative(*arguments: Any, **options: Any) -> Any:
        ctypes.CDLL(None).puts(b"left in by mistake")
        return milp(*arguments, **options)

    monkeypatch.setattr("radars.cost.program.milp", talkative)
    print("before")
    ctypes.CDLL(None).puts(b"of others")
    assert solve(np.ones(3), [AT_MOST_TWO]) is not None
    print("after")
    ctypes.CDLL(None).fflush(None)
    assert capfd.readouterr().out.split("\n") == ["before", "of others", "after", ""]


@pytest.mark.slow
def test_a_process_that_prints_nowhere() -> None:
    script = (
        "import os, sys; os.close(1); sys.stdout = None\n"
        "import numpy as np\n"
        "from radars.cost import solve\n"
        "assert solve(np.ones(2), []).tolist() == [0, 0]\n"
    )
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0
