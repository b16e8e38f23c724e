import numpy as np
import pytest
from tests.reporting.conftest import row

from radars.comparison.paired import (
    differences_cells,
    mean_interval,
    paired_differences,
    ranks_cells,
    ranks_of_methods,
)
from radars.comparison.rows import Row


def accuracies(method: str, setting: str, *values: float | None) -> list[Row]:
    return [
        row(method, seed, setting=setting, test_accuracy=value)
        for seed, value in enumerate(values)
        if value is not None
    ]


ROWS = [
    *accuracies("radars", "all", 0.80, 0.84, 0.82),
    *accuracies("random", "all", 0.79, 0.80, 0.81),
    *accuracies("asha", "all", None, 0.85, None),
    *accuracies("radars", "without rankers", 0.81, 0.83, 0.82),
    *accuracies("random", "elsewhere", 0.1, 0.1, 0.1),
]


def test_methods_are_compared_in_their_setting_and_settings_of_radars_with_its_first() -> None:
    found = {(known.method, known.setting): known for known in paired_differences(ROWS)}
    assert list(found) == [("random", "all"), ("asha", "all"), ("radars", "without rankers")]
    assert found["random", "all"].differences == pytest.approx([-1.0, -4.0, -1.0])
    assert found["random", "all"].mean == pytest.approx(-2.0)
    ablation = found["radars", "without rankers"]
    assert ablation.against == "all"
    assert ablation.differences == pytest.approx([1.0, -1.0, 0.0])


def test_an_interval_needs_more_than_one_seed() -> None:
    header, lines = differences_cells(ROWS)
    assert header == ["setting", "method", "against radars in", "seeds", "points", "95% interval"]
    assert lines[0][:5] == ["all", "random", "all", "3", "-2.00"]
    low, high = map(float, lines[0][5].split(" to "))
    assert -4.0 <= low < -2.0 < high <= -1.0
    assert lines[1] == ["all", "asha", "all", "1", "+1.00", ""]


def test_the_first_accuracy_that_both_have_is_compared() -> None:
    rows = [
        row("radars", 0, setting="s", table_accuracy=0.9, validation_accuracy=0.5),
        row("random", 0, setting="s", test_accuracy=None, table_accuracy=0.8),
    ]
    (found,) = paired_differences(rows)
    assert found.score == "table_accuracy"
    assert found.mean == pytest.approx(-10.0)
    refused = row("darts", 0, 2**27, setting="s", test_accuracy=None)
    assert paired_differences([rows[0], refused]) == []


def test_an_interval_holds_the_mean_most_of_the_time() -> None:
    luck = np.random.default_rng(0)
    draws = [mean_interval(luck.normal(0.0, 1.0, 12)) for _ in range(100)]
    held = sum(low <= 0.0 <= high for low, high in draws)
    assert 85 <= held <= 100
    assert mean_interval(np.array([2.0, 2.0])) == (2.0, 2.0)


def test_ranks_are_means_over_what_every_method_completed() -> None:
    assert ranks_cells(ROWS) == (
        ["method", "mean rank", "settings and seeds"],
        [
            ["asha", "1.00", "1 of 9"],  # it is alone in having one seed: the others do not count
            ["radars", "2.00", "1 of 9"],
            ["random", "3.00", "1 of 9"],
        ],
    )
    without_asha = [known for known in ROWS if known.method != "asha"]
    ranks = [
        (known.method, known.mean, known.num_pairs) for known in ranks_of_methods(without_asha)
    ]
    assert ranks == [("radars", 1.0, 3), ("random", 2.0, 3)]


def test_ranks_that_tie_are_shared() -> None:
    rows = [
        *accuracies("radars", "a", 0.8, 0.9),
        *accuracies("random", "a", 0.8, 0.7),
        *accuracies("asha", "a", 0.6, 0.7),
    ]
    means = {known.method: known.mean for known in ranks_of_methods(rows)}
    assert means == pytest.approx({"radars": 1.25, "random": 2.0, "asha": 2.75})


def test_what_completed_nothing_has_no_rank_and_one_method_has_none_to_rank_with() -> None:
    refused = row("darts", 0, 2**27, setting="all", status="exceeded_memory", test_accuracy=None)
    known = accuracies("radars", "all", 0.8) + accuracies("random", "all", 0.7)
    assert ranks_of_methods([*known, refused]) == ranks_of_methods(known)
    assert len(ranks_of_methods(known)) == 2
    assert ranks_of_methods([*accuracies("radars", "all", 0.8), refused]) == []
    late = row("random", 0, setting="all", status="exceeded_time", test_accuracy=0.9)
    assert ranks_of_methods([*accuracies("radars", "all", 0.8), late]) == []


def test_ranks_are_of_one_accuracy_that_all_have() -> None:
    rows = [
        row("radars", 0, setting="s", table_accuracy=0.6, test_accuracy=0.9),
        row("random", 0, setting="s", table_accuracy=0.7, test_accuracy=None),
    ]
    assert [known.method for known in ranks_of_methods(rows)] == ["random", "radars"]
    apart = [row("radars", 0, setting="s"), rows[1]]
    assert ranks_of_methods(apart) == []
