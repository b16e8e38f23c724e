import pytest
import torch
from tests.tiny import MIB, tiny_space
from torch import Tensor

from radars.engine.memory_meter import MemoryMeter
from radars.errors import BudgetError
from radars.nn.supernet import Supernet

SUPERNET = Supernet(tiny_space())
BATCH = (torch.zeros(2, 1, 8, 8), torch.zeros(2, dtype=torch.int64))
steps: list[int] = []


def step(num_bytes: int) -> Tensor:
    steps.append(num_bytes)
    return torch.zeros(num_bytes, dtype=torch.uint8)


def run(meter: MemoryMeter, expected: int, predicted: int, real: int = 0) -> int:
    return len(meter.run(lambda: step(real), SUPERNET, BATCH, expected, lambda: predicted))


def test_a_step_over_budget_does_not_run() -> None:
    meter = MemoryMeter(MIB)
    steps.clear()
    with pytest.raises(BudgetError, match=r"1\.0 MiB.*2\.0 MiB"):
        run(meter, 1, 2 * MIB)
    assert steps == []
    assert meter == MemoryMeter(MIB)


def test_only_records_are_measured() -> None:
    meter = MemoryMeter(MIB)
    assert run(meter, 100, 100, 10) == 10
    first = meter.measured_peak_bytes
    assert (meter.predicted_peak_bytes, first > 0) == (100, True)
    assert run(meter, 99, 10**9, 10**6) == 10**6  # neither predicted nor measured
    assert run(meter, 101, 99, 10**6) == 10**6  # predicted, and no record
    assert meter.measured_peak_bytes == first
    run(meter, 200, 200, 1000)
    assert meter.predicted_peak_bytes == 200
    assert meter.measured_peak_bytes == first - 10 + 1000


def test_what_a_step_returns_and_raises_goes_through() -> None:
    def fail() -> Tensor:
        raise ZeroDivisionError

    meter = MemoryMeter(MIB)
    with pytest.raises(ZeroDivisionError):
        meter.run(fail, SUPERNET, BATCH, 1, lambda: 1)
    assert meter.predicted_peak_bytes == 0
