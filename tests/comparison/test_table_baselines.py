"""What needs no search, on a table of nine architectures that is made up."""

from itertools import product

import pytest

from radars.comparison.published_table import Entry, PublishedTable
from radars.comparison.table_baselines import expected_best, yardsticks_table
from radars.cost import Constraint
from radars.errors import ConfigError
from radars.space import Architecture

ACCURACY = [0.1, 0.9, 0.3, 0.5, 0.2, 0.8, 0.7, 0.6, 0.4]


def made_up(macs: list[int | None]) -> PublishedTable:
    names = [Architecture({"a": a, "b": b}) for a, b in product("xyz", repeat=2)]
    return PublishedTable(
        "made-up",
        "nasbench-macro",
        {n: Entry(v, macs=m) for n, v, m in zip(names, ACCURACY, macs, strict=True)},
    )


TABLE = made_up([1, 2, 3, 4, 5, 6, 7, 8, 9])


def test_the_expected_best_is_the_mean_over_all_draws() -> None:
    for constraints in ([], [Constraint.parse("macs<=4")]):
        values = ACCURACY[: 4 if constraints else 9]
        draws = [max(drawn) for drawn in product(values, repeat=3)]
        assert expected_best(TABLE, constraints, 3) == pytest.approx(sum(draws) / len(draws))


def test_the_table_has_a_line_for_each_setting() -> None:
    text = yardsticks_table(TABLE, {"none": [], "small": [Constraint.parse("macs<=3")]})
    assert [line.split("|")[1:5] for line in text.splitlines()[2:]] == [
        [" none ", " 9 ", " 90.00% ", " 40.00% (rank 6) "],
        [" small ", " 3 ", " 90.00% ", " 30.00% (rank 2) "],
    ]


def test_a_table_without_costs_has_no_largest() -> None:
    with pytest.raises(ConfigError, match="does not say what each architecture costs"):
        made_up([None, 2, 3, 4, 5, 6, 7, 8, 9]).largest()
