import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from radars.nn.relaxation import GumbelSoftmax, Relaxation, Softmax

RELAXATIONS: list[Relaxation] = [
    Softmax(),
    Softmax(0.5),
    GumbelSoftmax(),
    GumbelSoftmax(0.3),
]


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_softmax_values(temperature: float) -> None:
    logits = [0.3, -1.2, 2.0]
    exponentials = [math.exp(logit / temperature) for logit in logits]
    expected = [value / sum(exponentials) for value in exponentials]
    weight_C = Softmax(temperature)(torch.tensor(logits))
    assert weight_C.tolist() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("relaxation", RELAXATIONS)
@given(logits=st.lists(st.floats(-5, 5), min_size=2, max_size=6), seed=st.integers(0, 2**32))
def test_weights_sum_to_one_and_take_a_gradient(
    relaxation: Relaxation, logits: list[float], seed: int
) -> None:
    logit_C = torch.tensor(logits, requires_grad=True)
    torch.manual_seed(seed)
    weight_C = relaxation(logit_C)
    assert weight_C.shape == logit_C.shape
    assert weight_C.sum().item() == pytest.approx(1, abs=1e-5)
    assert weight_C.min() >= -1e-6
    (gradient_C,) = torch.autograd.grad(weight_C[0], logit_C)
    assert gradient_C.sum().item() == pytest.approx(0, abs=1e-5)  # only differences matter


def test_gumbel_takes_candidates_as_often_as_softmax_says() -> None:
    logit_C = torch.tensor([0.0, 1.0, -0.5, 0.5])
    torch.manual_seed(0)
    num_draws = 4000
    relaxation = GumbelSoftmax(temperature=1.0)
    taken = [int(relaxation(logit_C).argmax()) for _ in range(num_draws)]
    for index, probability in enumerate(logit_C.softmax(-1).tolist()):
        deviation = math.sqrt(probability * (1 - probability) / num_draws)
        assert taken.count(index) / num_draws == pytest.approx(probability, abs=4 * deviation)


def test_the_noise_of_gumbel_is_that_of_the_seed() -> None:
    logit_C = torch.zeros(5)
    weights = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        weights.append(GumbelSoftmax()(logit_C))
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_a_low_temperature_makes_gumbel_nearly_one_hot() -> None:
    torch.manual_seed(0)
    weight_C = GumbelSoftmax(temperature=0.01)(torch.zeros(4))
    assert weight_C.max().item() == pytest.approx(1, abs=1e-3)


def test_weights_are_of_the_type_of_the_logits() -> None:
    logit_C = torch.zeros(3, dtype=torch.float64)
    for relaxation in RELAXATIONS:
        assert relaxation(logit_C).dtype == torch.float64
