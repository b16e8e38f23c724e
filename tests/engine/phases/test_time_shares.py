import pytest
from tests.tiny import quick_config

from radars.engine.phases.time_shares import Phase, share_of_time


@pytest.mark.parametrize(
    ("num_rounds", "steps", "explored"), [(1, 4, 30.0), (3, 4, 30.0), (2, 0, 300 / 9)]
)
def test_phases_that_keep_to_their_shares_fill_the_time(
    num_rounds: int, steps: int, explored: float
) -> None:
    config = quick_config(num_rounds=num_rounds, differentiate={"steps": steps})
    left = 100.0
    spent = {"explore": 0.0, "differentiate": 0.0, "select": 0.0}
    phases: tuple[Phase, ...] = ("explore", "differentiate")
    for round_index in range(num_rounds):
        for phase in phases:
            seconds = left * share_of_time(phase, round_index, config)
            spent[phase] += seconds
            left -= seconds
    spent["select"] = left
    assert spent["explore"] == pytest.approx(explored)
    assert spent["select"] == pytest.approx(2 * explored)
    assert spent["differentiate"] == pytest.approx(10.0 if steps else 0.0)
    assert sum(spent.values()) == pytest.approx(100.0)


def test_what_a_phase_takes_too_long_those_after_it_have_less() -> None:
    config = quick_config(num_rounds=2)
    shares = [share_of_time("explore", round_index, config) for round_index in (0, 1)]
    assert shares == pytest.approx([0.15, 0.15 / 0.8])


def test_shares_are_settings() -> None:
    config = quick_config(num_rounds=1, explore={"share": 0.2}, differentiate={"share": 0.4})
    assert share_of_time("explore", 0, config) == pytest.approx(0.2)
    assert share_of_time("differentiate", 0, config) == pytest.approx(0.4 / 0.8)
    alone = quick_config(explore={"share": 0.0}, differentiate={"steps": 0})
    assert share_of_time("explore", 0, alone) == 0
