import pytest
from tests.tiny import quick_config, tiny_data, tiny_space

from radars.engine.context import SearchContext
from radars.engine.given import Given
from radars.engine.methods.radars import Radars
from radars.engine.problem import SearchProblem
from radars.engine.rankers.ranker_tables import normal_scores, ranker_tables


def test_each_ranker_has_a_table_of_what_candidates_add() -> None:
    config = quick_config(explore={"ranker_draws": 32, "rankers": ("size", "regions")})
    problem = SearchProblem.of(config, Given(space=tiny_space(), data=tiny_data()))
    context = SearchContext.of(problem)
    ticks: list[int] = []
    tables = ranker_tables(context, Radars(context).controller, lambda: ticks.append(1))
    assert len(ticks) == 32
    assert list(tables) == ["size", "regions"]
    for table in tables.values():
        assert {choice: tuple(names) for choice, names in table.items()} == dict(problem.proxy.full)
    for names in tables["size"].values():
        assert names["conv3"] > names["none"]  # an identity costs nothing


def test_of_what_a_ranker_says_only_the_order_counts() -> None:
    scores = normal_scores([3.0, 1.0, 2.0])
    assert scores == normal_scores([3.0, float("-inf"), 2.9])  # a signal that dies
    assert scores[0] == pytest.approx(-scores[1])
    assert scores[2] == pytest.approx(0.0)


def test_equal_values_have_equal_scores() -> None:
    assert normal_scores([7.0, 7.0, 7.0]) == pytest.approx([0.0, 0.0, 0.0])
    first, second, third = normal_scores([0.0, 0.0, 5.0])
    assert first == second < third
