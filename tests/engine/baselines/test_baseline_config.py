from typing import Any

import pytest

from radars.engine.baselines.baseline_config import BaselineConfig
from radars.engine.search_config import SearchConfig
from radars.engine.start_search import search_config
from radars.errors import ConfigError


@pytest.mark.parametrize(
    "given",
    [
        "largest,random=5",
        ["largest", "random=5"],
        {"names": "largest, random=5"},
        BaselineConfig(names=("largest", "random=5")),
    ],
)
def test_names_are_given_as_a_text_a_list_or_within_a_group(given: Any) -> None:
    config = SearchConfig(baseline=given).baseline
    assert config.counts == {"largest": 1, "random": 5}
    assert SearchConfig(**SearchConfig(baseline=given).model_dump(mode="json")).baseline == config


def test_nothing_is_trained_beside_what_is_found_unless_asked_for() -> None:
    assert SearchConfig().baseline.counts == {}
    assert SearchConfig().baseline.num_steps(1024) == 0


def test_names_and_other_settings_of_the_group_go_together() -> None:
    given = {"baseline": {"names": "random"}}
    config = search_config(given, None, ["baseline.steps=7"])
    assert config.baseline.counts == {"random": 3}
    assert config.baseline.num_steps(1024) == 4 * 7
    assert config.baseline.num_steps(2) == 2 * 7  # of networks there are no more


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ("big", r"a baseline is largest, smallest, random, or random=N .* 'big'; give one of"),
        ("largest=2", "'largest=2'"),
        ("", "a baseline is largest"),
        ("random=0", r"random baselines are 1 to 100 networks, but got 'random=0'"),
        ("random=101", r"random baselines are 1 to 100 networks"),
        ("random,random=2", r"each baseline is named once, but got random,random=2"),
    ],
)
def test_other_names_are_refused(names: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as error:
        search_config({"baseline": {"names": names}})
    assert "\n" not in str(error.value)
