"""`solve`: a small integer program, by HiGHS as SciPy has it."""

import ctypes
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import Bounds, LinearConstraint, milp

_STDOUT = 1
_one_at_a_time = threading.Lock()

Numbers = NDArray[np.float64]


def solve(
    objective: Numbers,
    rows: Sequence[LinearConstraint],
    *,
    integrality: ArrayLike = 1,
    least: ArrayLike = 0.0,
    most: ArrayLike = 1.0,
) -> Numbers | None:
    """The variables that make the sum least within the rows; None where nothing satisfies them.

    Args:
        objective: what each variable costs.
        rows: linear constraints.
        integrality: 1 for a variable that is a whole number, 0 for one that need not be.
        least: the least value of each variable.
        most: the largest value of each variable.
    """
    with _nothing_printed():
        solution = milp(
            objective,
            constraints=rows,
            integrality=np.broadcast_to(integrality, objective.shape),
            bounds=Bounds(least, most),
            options={"mip_rel_gap": 0.0},  # by default the second best would do
        )
    found: Numbers | None = solution.x
    return found


@contextmanager
def _nothing_printed() -> Iterator[None]:
    """Within, what C code prints is lost; afterwards all is as it was.

    HiGHS 1.12, which SciPy 1.17 has, prints a line now and then, whatever it is told
    (https://github.com/ERGO-Code/HiGHS/issues/2783), which would be in the midst of our JSON. No
    option keeps it from that.
    """
    with _one_at_a_time, ExitStack() as stack:
        with suppress(AttributeError, OSError, ValueError):  # where this process prints nowhere
            _flush()
            kept = os.dup(_STDOUT)
            stack.callback(os.close, kept)
            nothing = os.open(os.devnull, os.O_WRONLY)
            stack.callback(os.close, nothing)
            os.dup2(nothing, _STDOUT)
            stack.callback(os.dup2, kept, _STDOUT)
            stack.callback(_flush)
        yield


def _flush() -> None:
    sys.stdout.flush()
    with suppress(OSError, TypeError, AttributeError):  # where the C library is elsewhere
        ctypes.CDLL(None).fflush(None)
