import dataclasses
from typing import Any

import pytest
from tests.tiny import quick_config, shared_space, tiny_data, tiny_space

from radars.errors import BudgetError, ConfigError, SpaceError
from radars.search.setup import SearchSetup, training_spec


def test_a_space_must_return_a_number_a_class() -> None:
    data = dataclasses.replace(tiny_data(), num_classes=7)
    with pytest.raises(SpaceError, match=r"\(batch, 7\).*\(2, 4\)"):
        SearchSetup.of(quick_config(), space=tiny_space(), data=data)


def test_an_impossible_constraint_or_budget_is_refused() -> None:
    with pytest.raises(ConfigError, match="macs<=1"):
        SearchSetup.of(quick_config(constraints=["macs<=1"]), space=tiny_space(), data=tiny_data())
    with pytest.raises(BudgetError):
        SearchSetup.of(quick_config(budget=1000), space=tiny_space(), data=tiny_data())


def test_a_proxy_makes_the_same_choices() -> None:
    with pytest.raises((ConfigError, ValueError)):
        SearchSetup.of(quick_config(), space=tiny_space(), proxy=shared_space(), data=tiny_data())


def test_options_of_the_zoo_follow_the_data() -> None:
    data = dataclasses.replace(tiny_data(), num_classes=4)
    config = quick_config(space="digits", proxy_options={"width": 4})
    setup = SearchSetup.of(config, data=data)
    assert setup.proxy.full == setup.space.full
    assert setup.proxy is not setup.space
    assert setup.costs.fixed.parameters > 0


def test_what_memory_depends_on_is_that_of_the_configuration() -> None:
    config = quick_config(precision="bf16-mixed", device="cpu")
    spec = training_spec(config, (1, 8, 8))
    assert spec.batch_size == 8
    assert spec.precision == "bf16-mixed"
    assert spec.optimizer == config.optimizer
    assert spec.device_type == "cpu"


def test_memory_is_that_of_the_optimizer_that_keeps_the_most() -> None:
    adamw = {"name": "adamw", "learning_rate": 0.01}
    for first, second in (({}, adamw), (adamw, {})):
        settings: dict[str, Any] = {"optimizer": first, "select": {"optimizer": second}}
        assert training_spec(quick_config(**settings), (1, 8, 8)).optimizer.name == "adamw"
