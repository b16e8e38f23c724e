import warnings
from pathlib import Path
from typing import Any

import pytest

from radars.comparison.comparison_config import CompareConfig
from radars.engine.search_config import SearchConfig
from radars.engine.start_search import search_config
from radars.errors import ConfigError
from radars.renamed_settings import GoneSetting, RenamedSetting, with_new_names
from radars.runs.read_run import read_config
from radars.settings import merge_settings

OLD_RUN = Path(__file__).parent / "old_runs" / "search"

OLD: dict[str, Any] = {
    "levers": {"recompute": False},
    "select": {"candidates": 3, "rungs": [5], "size_weight": 2.0},
    "explore": {"steps": 9, "samples": 4},
}
NEW = {
    "memory_savings": {"recompute": False},
    "select": {"finalists": 3, "halving_steps": [5]},
    "explore": {"steps": 9, "rankers": ["regions", "size"]},
    "enas": {"updates": {"samples": 4}},
}


def _said(*old: str) -> Any:
    return pytest.warns(RenamedSetting, match=rf"({'|'.join(old)}) is called \S+ now")


def test_old_names_are_taken_and_the_new_ones_said() -> None:
    with pytest.warns(RenamedSetting) as said:
        assert with_new_names(OLD) == NEW
    assert [str(warning.message).split(";")[0] for warning in said] == [
        "the setting levers is called memory_savings now",
        "the setting select.candidates is called select.finalists now",
        "the setting select.rungs is called select.halving_steps now",
        "the setting explore.samples is called enas.updates.samples now, of enas alone",
        "the setting select.size_weight is called explore.rankers now, without weights",
    ]
    assert OLD.keys() == {"levers", "select", "explore"}
    assert "rankers" not in OLD["explore"]


@pytest.mark.parametrize(
    ("weights", "names"),
    [
        ({"regions": 1.0, "size": 0.0, "expressivity": 0.5}, ["regions", "expressivity"]),
        ({"regions": 0, "size": 4}, ["size"]),
        ({"expressivity": 1}, ["regions", "expressivity"]),  # regions had a weight by default
    ],
)
def test_of_weights_of_rankers_their_names_are_left(
    weights: dict[str, float], names: list[str]
) -> None:
    with _said("select.rankers"):
        assert with_new_names({"select": {"rankers": weights}})["explore"]["rankers"] == names
    with _said("select.rankers"):
        merged = merge_settings(overrides=[f"select.rankers.{n}={w}" for n, w in weights.items()])
    assert merged["explore"]["rankers"] == names


@pytest.mark.parametrize(
    ("path", "decides"),
    [
        ("explore.controller.learning_rate", "explore.controller.temperature"),
        ("differentiate.feedback", "differentiate.proposals"),
        ("select.draws", "the rewards of explore"),
        ("select.regions_draws", "explore.ranker_draws"),
    ],
)
def test_what_is_gone_is_left_out_and_what_decides_now_is_said(path: str, decides: str) -> None:
    said = rf"{path} is gone: .*{decides}.*; leave it out"
    with pytest.warns(GoneSetting, match=said) as warned:
        merged = merge_settings({"explore": {"steps": 5}}, overrides=[f"{path}=3"])
    assert len(warned) == 1
    assert SearchConfig(**merged).explore.steps == 5


def test_new_names_are_left_as_they_are_and_nothing_is_said() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert with_new_names(NEW) == NEW
        assert with_new_names({"select": 3, "other": {"levers": 1}}) == {
            "select": 3,
            "other": {"levers": 1},
        }


def test_a_setting_under_both_names_is_refused() -> None:
    with _said("select.candidates"), pytest.raises(ConfigError, match="under both names"):
        with_new_names({"select": {"candidates": 3, "finalists": 4}})
    with _said("levers"):
        both = with_new_names({"levers": {"recompute": False}, "memory_savings": {"selective": 0}})
    assert both == {"memory_savings": {"recompute": False, "selective": 0}}


@pytest.mark.parametrize(
    ("override", "merged"),
    [
        ("levers.host_bytes=1GiB", {"memory_savings": {"host_bytes": "1GiB"}}),
        ("levers={recompute: false}", {"memory_savings": {"recompute": False}}),
        ("select.rungs=[1, 2]", {"select": {"halving_steps": [1, 2]}}),
        ("select={rungs: [1, 2]}", {"select": {"halving_steps": [1, 2]}}),
    ],
)
def test_an_override_may_use_an_old_name(override: str, merged: dict[str, Any]) -> None:
    with _said("levers", "select.rungs"):
        assert merge_settings(overrides=[override]) == merged


def test_an_old_name_goes_over_the_new_one_of_an_earlier_layer() -> None:
    with _said("select.candidates"):
        merged = merge_settings({"select": {"finalists": 9}}, {"select": {"candidates": 3}})
    assert merged == {"select": {"finalists": 3}}


def test_an_old_file_over_the_recipe_of_a_space(tmp_path: Path) -> None:
    file = tmp_path / "old.yaml"
    file.write_text("{space: nasbench-macro, select: {candidates: 3, rungs: [5, 6]}}")
    with _said("select.candidates", "select.rungs"):
        config = search_config({}, file)
    assert (config.select.finalists, config.select.halving_steps) == (3, (5, 6))
    assert config.optimizer.learning_rate == 0.1  # of the recipe


def test_a_comparison_may_use_old_names_for_searches() -> None:
    with _said("select.candidates", "levers"):
        config = CompareConfig(
            search={"select": {"candidates": 3}}, by_method={"radars": {"levers": {}}}
        )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        searches = {cell.method: config.search_config(cell) for cell in config.cells()}
    assert searches["radars"].select.finalists == 3


def test_a_run_of_an_older_version_is_read_without_a_word(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(
        "{levers: {recompute: false}, explore: {samples: 4, controller: {learning_rate: 0.1}},"
        " select: {candidates: 3, rungs: [5], contender_draws: 1, size_weight: 0}}"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        runs = [read_config(tmp_path), read_config(OLD_RUN)]
    mine, first = (SearchConfig(**stored) for stored in runs if stored is not None)
    assert (mine.select.finalists, mine.explore.rankers) == (3, ("regions",))
    assert (first.select.finalists, first.explore.rankers) == (6, ("regions",))
