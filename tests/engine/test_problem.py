import dataclasses
from typing import Any

import pytest
from tests.tiny import quick_config, shared_space, tiny_data, tiny_space, zoo_space
from torch import nn

from radars.cost import CostTable
from radars.engine.given import Given
from radars.engine.problem import SearchProblem, training_spec
from radars.errors import BudgetError, ConfigError, SpaceError
from radars.nn.operations import classifier, conv_bn_relu
from radars.space import Architecture, Choose, Factory, SearchSpace


def test_a_space_must_return_a_number_a_class() -> None:
    data = dataclasses.replace(tiny_data(), num_classes=7)
    with pytest.raises(SpaceError, match=r"\(batch, 7\).*\(2, 4\)"):
        SearchProblem.of(quick_config(), Given(space=tiny_space(), data=data))


def test_an_impossible_constraint_or_budget_is_refused() -> None:
    with pytest.raises(ConfigError, match="macs<=1"):
        SearchProblem.of(
            quick_config(constraints=["macs<=1"]), Given(space=tiny_space(), data=tiny_data())
        )
    with pytest.raises(BudgetError):
        SearchProblem.of(quick_config(budget=1000), Given(space=tiny_space(), data=tiny_data()))


def test_a_proxy_makes_the_same_choices() -> None:
    with pytest.raises((ConfigError, ValueError)):
        SearchProblem.of(
            quick_config(), Given(space=tiny_space(), proxy=shared_space(), data=tiny_data())
        )


def test_a_proxy_may_be_of_another_depth() -> None:
    config = quick_config(
        space="darts",
        space_options={"width": 4, "num_cells": 5},
        proxy_options={"num_cells": 3},
        budget="64MiB",
        data={"batch_size": 4},
    )
    data = dataclasses.replace(tiny_data(), num_classes=4)
    problem = SearchProblem.of(config, Given(data=data))
    assert problem.proxy.full == problem.space.full
    assert problem.proxy.choices != problem.space.choices


def test_options_of_the_zoo_follow_the_data() -> None:
    data = dataclasses.replace(tiny_data(), num_classes=4)
    config = quick_config(space="digits", proxy_options={"width": 4})
    problem = SearchProblem.of(config, Given(data=data))
    assert problem.proxy.full == problem.space.full
    assert problem.proxy is not problem.space
    assert problem.costs.fixed.parameters > 0


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


def test_a_proxy_that_is_given_goes_before_options() -> None:
    config = quick_config(space="digits", proxy_options={"width": 4})
    mine = zoo_space("digits", width=3)
    assert SearchProblem.of(config, Given(proxy=mine)).proxy is mine


@pytest.mark.parametrize("name", ["space_options", "proxy_options"])
def test_options_of_a_space_that_is_not_taken_are_refused(name: str) -> None:
    config = quick_config().model_copy(update={name: {"width": 4}})
    with pytest.raises(ConfigError, match="an object is given instead"):
        SearchProblem.of(config, Given(space=tiny_space(), data=tiny_data()))


def test_budget_and_constraint_that_nothing_satisfies_together_are_refused_at_once() -> None:
    """What has the fewest parameters here has the most memory."""

    def network(choose: Choose) -> nn.Module:
        candidates: dict[str, Factory] = {
            "wide": lambda: nn.Sequential(nn.Upsample(scale_factor=8), nn.AvgPool2d(8)),
            "heavy": lambda: nn.Conv2d(4, 4, 7, padding=3),
        }
        return nn.Sequential(conv_bn_relu(1, 4), choose("a", candidates), classifier(4, 4))

    space = SearchSpace(network)
    roomy = SearchProblem.of(quick_config(), Given(space=space, data=tiny_data())).planner
    needed = {name: roomy.least_bytes(Architecture({"a": name})) for name in ("wide", "heavy")}
    assert needed["heavy"] < needed["wide"]
    parameters = CostTable.of(space, (1, 8, 8)).cost({"a": "wide"}).parameters
    config = quick_config(
        budget=(needed["heavy"] + needed["wide"]) // 2, constraints=[f"parameters<={parameters}"]
    )
    with pytest.raises(BudgetError, match="raise the budget"):
        SearchProblem.of(config, Given(space=space, data=tiny_data()))
