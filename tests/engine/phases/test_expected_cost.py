import pytest
import torch
from tests.tiny import tiny_space
from torch import Tensor

from radars.cost import CostTable, Objectives, SoftTarget
from radars.engine.phases.expected_cost import ExpectedCost
from radars.memory import inference_memory
from radars.nn.relaxation import GumbelSoftmax, Relaxation, Softmax
from radars.nn.second_order_step import second_order_step
from radars.nn.steps import Regulariser, architecture_step
from radars.nn.supernet import Supernet
from radars.space import Subspace

SPACE = tiny_space()
COUNTED = CostTable.of(SPACE)
TABLE = CostTable(COUNTED.fixed, COUNTED.candidates, {"memory": inference_memory(SPACE, (1, 8, 8))})
PAIRS = Subspace({"a": ("none", "mb2"), "b": ("conv3",), "c": ("none", "conv3", "mb2")})


def supernet_of(relaxation: Relaxation, subspace: Subspace | None = None) -> Supernet:
    supernet = Supernet(SPACE, subspace, relaxation)
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for logit_C in supernet.logits:
            logit_C.copy_(torch.randn(len(logit_C), generator=generator))
    return supernet


def gradients(penalty: Regulariser, supernet: Supernet) -> list[Tensor]:
    logits = list(supernet.logits)
    found = torch.autograd.grad(penalty(supernet), logits, allow_unused=True)
    return [
        torch.zeros_like(logit_C) if gradient_C is None else gradient_C
        for logit_C, gradient_C in zip(logits, found, strict=True)
    ]


@pytest.mark.parametrize("cost", ["macs", "parameters", "memory"])
@pytest.mark.parametrize("subspace", [SPACE.full, PAIRS], ids=["whole", "pruned"])
@pytest.mark.parametrize("relaxation", [Softmax(), Softmax(0.5), GumbelSoftmax(2.0)], ids=str)
def test_the_gradient_is_that_of_finite_differences(
    cost: str, subspace: Subspace, relaxation: Relaxation
) -> None:
    target = SoftTarget.model_validate({"cost": cost, "target": 5e3, "exponent": -0.3})
    penalty = ExpectedCost(Objectives(TABLE, [target]))
    supernet = supernet_of(relaxation, subspace)
    found = gradients(penalty, supernet)
    assert any(float(gradient_C.abs().max()) > 1e-4 for gradient_C in found)
    for logit_C, gradient_C in zip(supernet.logits, found, strict=True):
        for index in range(len(logit_C)):
            values = []
            for step in (1e-2, -1e-2):
                with torch.no_grad():
                    logit_C[index] += step
                    values.append(float(penalty(supernet)))
                    logit_C[index] -= step
            difference = (values[0] - values[1]) / 2e-2
            assert float(gradient_C[index]) == pytest.approx(difference, abs=2e-5)


def test_descent_makes_what_is_dear_unlikely_and_a_softer_exponent_does_so_slower() -> None:
    logits = []
    for exponent in (-0.5, -0.05):
        target = SoftTarget(cost="macs", target=3e4, exponent=exponent)
        supernet = Supernet(SPACE)
        [gradient_C, *_] = gradients(ExpectedCost(Objectives(TABLE, [target])), supernet)
        none, conv3, mb2 = (-gradient_C).tolist()
        costs = TABLE.candidates["a"]
        assert costs["none"].macs < costs["mb2"].macs < costs["conv3"].macs
        assert none > mb2 > conv3
        assert none > 0 > conv3
        logits.append(none)
    assert logits[0] == pytest.approx(10 * logits[1])


@pytest.mark.parametrize("among", [None, SPACE.full], ids=["live", "all"])
def test_where_one_path_is_live_all_candidates_can_be_meant(among: Subspace | None) -> None:
    objectives = Objectives(TABLE, [SoftTarget(cost="macs", target=3e4)])
    supernet = Supernet(SPACE, Subspace(dict.fromkeys("abc", ("mb2",))))
    supernet.weigh = lambda logits, live: {}
    value = ExpectedCost(objectives, among)(supernet)
    assert value.requires_grad == (among is not None)


@pytest.mark.parametrize("second_order", [False, True])
def test_a_step_moves_the_logits_to_what_is_cheap(second_order: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    batch = [torch.randn(4, 1, 8, 8, generator=generator), torch.arange(4)]
    strong = SoftTarget(cost="macs", target=3e4, exponent=-1e4)
    penalty = ExpectedCost(Objectives(TABLE, [strong]))
    supernet = Supernet(SPACE)
    if second_order:
        second_order_step(supernet, *batch, *batch, virtual_learning_rate=0.1, regulariser=penalty)
    else:
        architecture_step(supernet, *batch, regulariser=penalty)
    for choice in "abc":
        logits = supernet.logits.of(choice)
        assert logits["none"] > logits["mb2"]
        assert logits["none"] > logits["conv3"]
