import pytest
import torch
from tests.tiny import MIB, sized_space, tiny_space
from torch import Tensor

from radars.engine.memory_meter import GuardedStep, MemoryMeter
from radars.errors import BudgetError
from radars.memory import path_relaxation
from radars.nn.steps import StepKind
from radars.nn.supernet import Supernet

SUPERNET = Supernet(tiny_space())
BATCH = (torch.zeros(2, 1, 8, 8), torch.zeros(2, dtype=torch.int64))
steps: list[int] = []


def step(num_bytes: int) -> Tensor:
    steps.append(num_bytes)
    return torch.zeros(num_bytes, dtype=torch.uint8)


def run(meter: MemoryMeter, expected: int, predicted: int, real: int = 0) -> int:
    return len(meter.run(guarded(real), expected, lambda: predicted))


def guarded(num_bytes: int, kind: StepKind = StepKind.WEIGHTS) -> GuardedStep[Tensor]:
    return GuardedStep(lambda: step(num_bytes), SUPERNET, BATCH, kind)


def test_a_step_over_budget_does_not_run() -> None:
    meter = MemoryMeter(MIB)
    steps.clear()
    with pytest.raises(BudgetError, match=r"1\.0 MiB.*2\.0 MiB"):
        run(meter, 1, 2 * MIB)
    assert steps == []
    assert meter == MemoryMeter(MIB)


def test_of_candidates_that_were_measured_only_records_are() -> None:
    meter = MemoryMeter(MIB)
    assert run(meter, 100, 100, 10) == 10
    first = meter.measured_peak_bytes
    assert (meter.predicted_peak_bytes, first > 0) == (100, True)
    assert run(meter, 99, 10**9, 10**6) == 10**6  # neither predicted nor measured
    assert meter.measured_peak_bytes == first
    run(meter, 250, 200, 1000)
    assert meter.predicted_peak_bytes == 200
    run(meter, 240, 10**9, 10**6)  # less is expected, though more than was predicted
    assert meter.measured_peak_bytes == first - 10 + 1000


def test_a_step_whose_exact_peak_is_a_record_is_measured_whatever_was_expected_of_others() -> None:
    """An estimate of another, on the high side, does not hide it."""
    meter = MemoryMeter(10 * MIB)
    run(meter, 300_000, 100_000, 100_000)
    before = meter.measured_peak_bytes
    meter.run(guarded(200_000), 200_000)
    assert meter.predicted_peak_bytes == 200_000
    assert meter.measured_peak_bytes == before + 100_000
    meter.run(guarded(10**6), 150_000)  # no record, and its candidates were measured
    assert meter.measured_peak_bytes == before + 100_000


def test_what_a_step_returns_and_raises_goes_through() -> None:
    def fail() -> Tensor:
        raise ZeroDivisionError

    meter = MemoryMeter(MIB)
    with pytest.raises(ZeroDivisionError):
        meter.run(GuardedStep(fail, SUPERNET, BATCH), 1)
    assert meter.predicted_peak_bytes == 0


def test_a_step_that_held_more_than_was_predicted_is_on_record() -> None:
    meter = MemoryMeter(10 * MIB)
    run(meter, 100_000, 100_000, 50_000)
    assert meter.excess is None
    run(meter, 200_000, 200_000, 1_000_000)
    excess = meter.excess
    assert excess is not None
    assert excess.predicted_bytes == 200_000
    assert excess.measured_bytes > 1_000_000
    assert meter.largest_excess == excess
    again = MemoryMeter(0)
    again.load_state_dict(meter.state_dict())
    assert again == meter
    run(meter, 10, 10, 10)
    assert meter.excess is None
    assert meter.largest_excess == excess


def test_a_step_over_the_budget_is_an_excess_however_near_it_was_predicted() -> None:
    budget = MemoryMeter(MIB)
    run(budget, 1, 1, 500_000)
    resident = budget.measured_peak_bytes - 500_000
    meter = MemoryMeter(resident + 500_000)
    run(meter, meter.budget_bytes - 10, meter.budget_bytes - 10, 500_001)
    assert meter.excess is not None


def test_each_candidate_is_measured_once_in_each_kind_of_step() -> None:
    meter = MemoryMeter(MIB)
    run(meter, 100_000, 100_000, 10)
    first = meter.measured_peak_bytes
    for kind, num_measured in (
        (StepKind.WEIGHTS, 0),
        (StepKind.ARCHITECTURE, 1),
        (StepKind.ARCHITECTURE, 0),
    ):
        meter.measured_peak_bytes = 0
        meter.run(guarded(10, kind), 10)
        assert meter.measured_peak_bytes == num_measured * first


def test_paths_that_are_drawn_are_each_measured_once() -> None:
    """Which of them hold the most is an estimate."""
    space, meter = sized_space(), MemoryMeter(MIB)
    relaxed = Supernet(
        space, space.full, path_relaxation=path_relaxation(space, space.input_shape, 2)
    )
    one = GuardedStep(lambda: step(0), relaxed, BATCH, StepKind.ARCHITECTURE)
    two = GuardedStep(lambda: step(500_000), relaxed, BATCH, StepKind.ARCHITECTURE)
    relaxed.hold_largest_paths(2)
    meter.run_below(one, 100_000)
    measured_bytes = meter.measured_peak_bytes
    meter.run_below(two, 100_000)
    assert meter.measured_peak_bytes == measured_bytes  # the same paths
    largest = relaxed.drawn_paths
    torch.manual_seed(0)
    while relaxed.drawn_paths == largest:
        relaxed.draw_paths(2)
    meter.run_below(two, 100_000)
    assert meter.measured_peak_bytes > 500_000
    assert meter.excess is not None
