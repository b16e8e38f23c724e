import pytest

from radars.engine.recipe import recipe
from radars.engine.start_search import search_config
from radars.zoo import zoo


@pytest.mark.parametrize("name", [entry.name for entry in zoo()])
def test_the_recipe_of_every_space_is_valid(name: str) -> None:
    assert search_config({"space": name}).space == name


def test_what_the_user_says_wins() -> None:
    config = search_config({"space": "nasbench-macro", "budget": "1GiB"}, None, ["explore.steps=7"])
    assert config.budget == 2**30
    assert config.explore.steps == 7
    assert config.proxy_options == {"width": 16}


def test_an_option_of_the_space_holds_for_its_proxy() -> None:
    settings = {"space": "nasbench-macro", "space_options": {"width": 8}}
    assert recipe(settings)["proxy_options"] == {}
    assert search_config(settings).proxy_options == {}
    assert search_config(settings, None, ["proxy_options.width=4"]).proxy_options == {"width": 4}


def test_a_space_of_ones_own_has_the_defaults() -> None:
    assert recipe({"space": "mine.py:net"}) == {"space": "mine.py:net"}


def test_size_counts_more_where_nothing_bounds_it() -> None:
    free = recipe({"space": "nasbench-macro"})["select"]
    bound = recipe({"space": "nasbench-macro", "constraints": ["macs<=40e6"]})["select"]
    targets = [{"cost": "macs", "target": 40e6}]
    assert recipe({"space": "nasbench-macro", "objectives": targets})["select"] == bound
    assert free["size_weight"] > bound["size_weight"] > 0
    assert free | {"size_weight": 0} == bound | {"size_weight": 0}
    assert "select" not in recipe({"space": "digits"})
