import pytest

from radars.data import DataConfig
from radars.engine.recipe import check_data, recipe
from radars.engine.search_config import SearchConfig
from radars.engine.start_search import search_config
from radars.errors import ConfigError
from radars.training.train_config import TrainConfig
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


@pytest.mark.parametrize("space", [entry.name for entry in zoo()])
def test_the_default_data_are_for_spaces_of_their_shape_alone(space: str) -> None:
    named = search_config({"space": space, "data": {"source": "digits"}})
    check_data(space, named.data)
    unnamed = search_config({"space": space})
    if space == "digits":
        check_data(space, unnamed.data)
        return
    with pytest.raises(ConfigError, match=f"'{space}' is for images of 3x.* add --data"):
        check_data(space, unnamed.data)
    with pytest.raises(ConfigError, match="add --data"):
        check_data(space, TrainConfig(space=space).data)


def test_a_stored_configuration_names_its_data() -> None:
    stored = search_config({"space": "vit", "data": {"source": "digits"}}).model_dump(mode="json")
    check_data("vit", SearchConfig(**stored).data)
    check_data("file.py:net", DataConfig())
