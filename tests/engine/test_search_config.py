import json
from typing import Any

import pytest
import yaml
from pydantic import ValidationError
from tests.tiny import MIB

from radars.cost import Constraint
from radars.engine import DifferentiateConfig, SearchConfig
from radars.engine.methods.enas import EnasConfig
from radars.engine.methods.reinforce import ReinforceConfig
from radars.errors import ConfigError
from radars.nn.relaxation import GumbelSoftmax, Softmax
from radars.settings import validate_settings

FULL: dict[str, Any] = {
    "budget": "64MiB",
    "constraints": ["macs<=40e6", "parameters<=1e5"],
    "space_options": {"width": 8},
    "differentiate": {"relaxation": "gumbel", "max_cost_ratio": None},
    "select": {"halving_steps": [5, 10]},
    "max_minutes": 1.5,
}


@pytest.mark.parametrize("settings", [{}, FULL], ids=["default", "full"])
def test_a_configuration_survives_json_and_yaml(settings: dict[str, Any]) -> None:
    config = SearchConfig.model_validate(settings)
    plain = config.model_dump(mode="json")
    assert SearchConfig.model_validate(plain) == config
    assert SearchConfig.model_validate(json.loads(json.dumps(plain))) == config
    assert SearchConfig.model_validate(yaml.safe_load(yaml.safe_dump(plain))) == config


def test_text_is_read() -> None:
    config = SearchConfig.model_validate(FULL)
    assert config.budget == 64 * MIB
    assert config.constraints == (Constraint("macs", 40e6), Constraint("parameters", 1e5))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("explore.no_such_key", 1),
        ("explore.controller.no_such_key", 1),
        ("differentiate.no_such_key", 1),
        ("select.no_such_key", 1),
        ("data.no_such_key", 1),
        ("optimizer.no_such_key", 1),
        ("method", "magic"),
        ("budget", "0"),
        ("budget", "12 parsecs"),
        ("constraints", ["macs<40"]),
        ("constraints", [3]),
        ("seed", -1),
        ("seed", 2**31),
        ("seed", 0.5),
        ("device", "tpu"),
        ("device", "cuda:x"),
        ("precision", "16-true"),
        ("num_rounds", 0),
        ("max_minutes", 0),
        ("explore.steps", 0),
        ("explore.samples", 1),
        ("explore.warmup_fraction", 1.5),
        ("explore.update_every", 0),
        ("explore.controller.baseline_decay", 1.0),
        ("explore.controller.learning_rate", 0),
        ("differentiate.steps", -1),
        ("differentiate.relaxation", "none"),
        ("differentiate.temperature", 0),
        ("differentiate.max_cost_ratio", 0),
        ("differentiate.feedback", 1.5),
        ("differentiate.beta_decay", -1),
        ("select.finalists", 0),
        ("select.halving_steps", [0]),
        ("select.keep", 1.0),
        ("optimizer.learning_rate", 0),
    ],
)
def test_what_is_refused(path: str, value: object) -> None:
    settings: Any = value
    for key in reversed(path.split(".")):
        settings = {key: settings}
    with pytest.raises(ValidationError) as caught:
        SearchConfig.model_validate(settings)
    assert caught.value.errors()[0]["loc"][: path.count(".") + 1] == tuple(path.split("."))


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"no_such_key": 1}, "there is no key 'no_such_key'"),
        ({"reinforc": {"batch": 1}}, "did you mean 'reinforce'"),
        ({"radars": {"batch": 1}}, "there is no key 'radars'"),  # it has no settings of its own
        ({"reinforce": 3}, "reinforce must be a group of settings"),
        ({"reinforce": {"batch": 0}}, "reinforce.batch must be greater"),
        ({"enas": {"controller": {"hidden": 1}}}, "there is no key 'enas.controller.hidden'"),
    ],
)
def test_the_settings_of_methods_are_refused_in_one_line(
    settings: dict[str, Any], says: str
) -> None:
    with pytest.raises(ConfigError, match=says):
        validate_settings(SearchConfig, settings)


def test_a_method_has_its_settings_from_the_start() -> None:
    config = SearchConfig(method="reinforce", reinforce={"batch": 7})
    assert config.settings_of(ReinforceConfig).batch == 7
    assert config.model_dump()["reinforce"]["batch"] == 7
    assert SearchConfig(method="enas").model_dump()["enas"]["finalists"] == EnasConfig().finalists
    assert SearchConfig.model_validate(config.model_dump(mode="json")) == config


def test_what_a_resumed_search_may_not_change() -> None:
    before = SearchConfig(method="enas", enas={"finalists": 3}, spos={"population": 4})
    assert before.kept_changes(SearchConfig(method="enas", enas={"finalists": 3})) == {}
    changes = before.kept_changes(SearchConfig(method="enas", enas={"finalists": 4}, seed=2))
    assert set(changes) == {"enas", "seed"}
    assert before.kept_changes(before.model_copy(update={"max_minutes": 3.0})) == {}


def test_a_selection_has_a_halving_round() -> None:
    with pytest.raises(ValidationError):
        SearchConfig.model_validate({"select": {"halving_steps": []}})


def test_a_configuration_does_not_change() -> None:
    with pytest.raises(ValidationError):
        setattr(SearchConfig(), "seed", 3)  # noqa: B010


def test_the_temperature_goes_geometrically() -> None:
    config = DifferentiateConfig(relaxation="gumbel", temperature=4.0, final_temperature=1.0)
    temperatures = [config.relaxation_at(fraction) for fraction in (0.0, 0.5, 1.0)]
    assert temperatures == [GumbelSoftmax(4.0), GumbelSoftmax(2.0), GumbelSoftmax(1.0)]
    assert DifferentiateConfig().relaxation_at(0.3) == Softmax(1.0)
