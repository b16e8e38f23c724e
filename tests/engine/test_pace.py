import math

import pytest

from radars.engine.pace import Pace
from radars.engine.search_state import SearchPosition


def test_without_a_limit_a_phase_has_its_steps() -> None:
    position, told = SearchPosition(step=1), list[int]()
    pace = Pace(position, 4, on_step=lambda step, accuracy: told.append(step))
    fractions = []
    for _ in pace.steps():
        fractions.append(pace.fraction)
        pace.done()
    assert fractions == [0.25, 0.5, 0.75]
    assert told == [2, 3, 4]
    assert position.total_steps == 3
    assert (pace.is_over, pace.fraction, pace.expected_total) == (True, 1.0, 4)
    assert pace.seconds_left == math.inf


@pytest.mark.parametrize(("seconds_each", "num_steps"), [(1.0, 10), (3.0, 3), (4.0, 2), (60.0, 1)])
def test_with_a_limit_it_ends_as_near_to_its_time_as_steps_can(
    seconds_each: float, num_steps: int
) -> None:
    position = SearchPosition(seconds=100.0, began=100.0)

    def pass_time() -> None:
        position.seconds += seconds_each

    pace = Pace(position, 4, ends_at=110.0, check=pass_time)
    fractions = []
    for _ in pace.steps():
        fractions.append(pace.fraction)
        pace.done()
    assert position.step == num_steps
    expected = [min(1.0, seconds_each * step / 10) for step in range(num_steps)]
    assert fractions == pytest.approx(expected)


def test_how_many_steps_there_will_be_is_told_from_the_time_they_took() -> None:
    position = SearchPosition()
    pace = Pace(position, 100, ends_at=10.0)
    assert pace.expected_total == 100
    position.seconds = 2.0
    pace.done(steps=4)
    assert pace.seconds_per_step == 0.5
    assert pace.expected_total == 20
    position.seconds = 11.0
    pace.check_time()
    assert pace.is_over
    assert pace.fraction == 1.0


def test_a_phase_that_begins_after_its_time_has_one_step() -> None:
    position = SearchPosition(seconds=20.0, began=20.0)
    pace = Pace(position, 100, ends_at=20.0)
    for _ in pace.steps():
        assert pace.fraction == 1.0
        pace.done()
    assert position.step == 1


def test_time_that_is_reserved_is_left_when_the_steps_are_done() -> None:
    position = SearchPosition()

    def pass_time() -> None:
        position.seconds += 1.0

    pace = Pace(position, 100, ends_at=20.0, check=pass_time)
    pace.reserve(8.0)
    for _ in pace.steps():
        pace.done()
    assert position.seconds == 12.0
    greedy = Pace(SearchPosition(), 100, ends_at=20.0)
    greedy.reserve(50.0)
    assert greedy.ends_at == 0.0
    unlimited = Pace(SearchPosition(), 100)
    unlimited.reserve(8.0)
    assert unlimited.ends_at is None
