from tests.tiny import quick_config, tiny_data, tiny_space

from radars.engine.context import SearchContext
from radars.engine.given import Given
from radars.engine.methods.radars import Radars
from radars.engine.problem import SearchProblem
from radars.engine.rankers.ranker_tables import ranker_tables


def test_each_ranker_has_a_table_of_what_candidates_add() -> None:
    config = quick_config(explore={"ranker_draws": 12, "rankers": ("size", "regions")})
    problem = SearchProblem.of(config, Given(space=tiny_space(), data=tiny_data()))
    context = SearchContext.of(problem)
    ticks: list[int] = []
    tables = ranker_tables(context, Radars(context).controller, lambda: ticks.append(1))
    assert len(ticks) == 12
    assert list(tables) == ["size", "regions"]
    for table in tables.values():
        assert {choice: tuple(names) for choice, names in table.items()} == dict(problem.proxy.full)
    for names in tables["size"].values():
        assert names["conv3"] > names["none"]  # an identity costs nothing
