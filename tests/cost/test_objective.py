import pytest
import torch
from pydantic import ValidationError
from tests.tiny import tiny_space

from radars.cost import CostTable, Objectives, SoftTarget
from radars.space import Architecture

SPACE = tiny_space()
TABLE = CostTable.of(SPACE)
BIG, SMALL = (Architecture(dict.fromkeys("abc", name)) for name in ("mb2", "none"))


def test_the_reward_is_that_of_mnasnet() -> None:
    macs = TABLE.cost(BIG).macs
    objectives = Objectives(TABLE, [SoftTarget(cost="macs", target=macs / 2, exponent=-0.07)])
    assert objectives.reward(BIG, 0.8) == pytest.approx(0.8 * 2**-0.07)
    assert objectives.reward(BIG, 0.8) < objectives.reward(SMALL, 0.8)


def test_several_targets_multiply() -> None:
    targets = [SoftTarget(cost="macs", target=1e4), SoftTarget(cost="parameters", target=100.0)]
    each = [Objectives(TABLE, [target]).reward(BIG, 1.0) for target in targets]
    assert Objectives(TABLE, targets).reward(BIG, 1.0) == pytest.approx(each[0] * each[1])


def test_without_targets_the_reward_is_the_accuracy() -> None:
    objectives = Objectives(TABLE)
    assert not objectives
    assert objectives.reward(BIG, 0.1 + 0.2) == 0.1 + 0.2


def test_of_a_certain_architecture_the_loss_is_the_negative_logarithm_of_the_reward() -> None:
    objectives = Objectives(TABLE, [SoftTarget(cost="macs", target=3e4, exponent=-0.5)])
    probabilities = {
        choice: torch.tensor([float(name == BIG[choice]) for name in names])
        for choice, names in SPACE.full.items()
    }
    loss = objectives.loss(probabilities, SPACE.full)
    reward = torch.tensor(objectives.reward(BIG, 1.0))
    assert float(loss) == pytest.approx(-float(reward.log()), rel=1e-5)


def test_a_target_on_memory_is_a_number_of_bytes() -> None:
    settings = {"cost": "memory", "target": "1MiB"}
    assert SoftTarget.model_validate(settings).target == 2**20
    assert SoftTarget.model_validate({"cost": "macs", "target": "40e6"}).target == 40e6


@pytest.mark.parametrize(
    "settings",
    [
        {"cost": "flops", "target": 1.0},
        {"cost": "macs", "target": 0},
        {"cost": "macs", "target": "1MiB"},
        {"cost": "macs"},
        {"cost": "macs", "target": 1.0, "exponent": 0.07},
        {"cost": "macs", "target": 1.0, "weight": 1.0},
    ],
)
def test_targets_that_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SoftTarget.model_validate(settings)
