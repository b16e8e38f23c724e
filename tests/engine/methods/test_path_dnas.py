from typing import Any

import pytest
import torch
from tests.tiny import quick_config, tiny_data, tiny_space

from radars.engine.context import SearchContext
from radars.engine.given import Given
from radars.engine.methods.gdas import GDAS
from radars.engine.methods.path_dnas import PathDNAS
from radars.engine.methods.proxyless import Proxyless
from radars.engine.problem import SearchProblem
from radars.nn.supernet import Supernet
from radars.space import Architecture

CHOICES = tuple(tiny_space().full)
LOGITS = {
    "a": {"none": 0.5, "conv3": -0.2, "mb2": 0.1},
    "b": {"none": -1.0, "conv3": 0.3, "mb2": 0.0},
    "c": {"none": 0.2, "conv3": 0.2, "mb2": -0.4},
}


def method_of(kind: type[PathDNAS], **changes: Any) -> PathDNAS:
    problem = SearchProblem.of(quick_config(**changes), Given(space=tiny_space(), data=tiny_data()))
    method = kind(SearchContext.of(problem))
    method.supernet.logits.set(LOGITS)
    return method


@pytest.mark.parametrize("kind", [GDAS, Proxyless])
def test_paths_are_drawn_by_the_softmax_of_the_logits(kind: type[PathDNAS]) -> None:
    method = method_of(kind)
    generator = torch.Generator().manual_seed(0)
    draws = [method.draw(method.noise(generator), generator) for _ in range(600)]
    for choice, logits in LOGITS.items():
        expected = torch.tensor(list(logits.values())).softmax(-1).tolist()
        for name, probability in zip(logits, expected, strict=True):
            share = sum(path[choice] == name for path in draws) / len(draws)
            assert share == pytest.approx(probability, abs=0.07)


@pytest.mark.parametrize("kind", [GDAS, Proxyless])
def test_the_paths_that_are_drawn_satisfy_the_constraints(kind: type[PathDNAS]) -> None:
    roomy = method_of(kind)
    limit = roomy.problem.costs.fixed.macs + 30_000
    method = method_of(kind, constraints=[f"macs<={limit}"])
    generator = torch.Generator().manual_seed(0)
    draws = {method.draw(method.noise(generator), generator) for _ in range(50)}
    assert len(draws) > 1
    assert all(method.context.problem.feasible.allows(path) for path in draws)


def logit_gradients(method: PathDNAS) -> tuple[Supernet, dict[str, torch.Tensor]]:
    """The gradients of the first architecture step, which it then drops."""
    gradients: dict[str, torch.Tensor] = {}
    optimizer = method.supernet.logits.optimizer
    step = optimizer.step

    def keep(*arguments: Any) -> Any:
        for choice, logit_C in method.supernet.logits.by_choice.items():
            assert logit_C.grad is not None
            gradients[choice] = logit_C.grad.clone()
        return step(*arguments)

    optimizer.step = keep  # type: ignore[method-assign, assignment]
    batch = method.context.validation_stream.next()
    method.train_logits(batch, 0.5, torch.Generator().manual_seed(3))
    return method.supernet, gradients


def test_gdas_runs_one_path_and_moves_every_logit() -> None:
    method = method_of(GDAS)
    supernet, gradients = logit_gradients(method)
    assert supernet.live.num_architectures == 1
    generator = torch.Generator().manual_seed(3)
    noise = method.noise(generator)
    path = method.draw(noise, generator)
    assert supernet.live == path.as_subspace()
    for choice, gradient_C in gradients.items():
        # the gradient to the taken weight, through the softmax of the noisy logits
        taken = list(LOGITS[choice]).index(path[choice])
        soft_C = ((torch.tensor(list(LOGITS[choice].values())) + noise[choice]) / 5.05).softmax(-1)
        onehot_C = torch.zeros(3)
        onehot_C[taken] = 1.0
        direction_C = soft_C[taken] * (onehot_C - soft_C)
        scale = gradient_C @ direction_C / (direction_C @ direction_C)
        assert torch.allclose(gradient_C, scale * direction_C, atol=1e-7)
        assert abs(float(gradient_C.sum())) < 1e-6


def test_proxyless_runs_two_paths_and_leaves_the_other_probabilities_alone() -> None:
    method = method_of(Proxyless)
    supernet, gradients = logit_gradients(method)
    for choice, names in supernet.live.items():
        assert len(names) == 2
        [rest] = [name for name in LOGITS[choice] if name not in names]
        index = list(LOGITS[choice]).index(rest)
        before_C = torch.tensor(list(LOGITS[choice].values())).softmax(-1)
        after_C = torch.tensor(list(supernet.logits.of(choice).values())).softmax(-1)
        assert after_C[index] == pytest.approx(float(before_C[index]), abs=1e-6)
        assert not torch.allclose(after_C, before_C)
        assert gradients[choice][index] == 0.0
        assert float(gradients[choice].sum()) == pytest.approx(0.0, abs=1e-6)


def test_what_proxyless_returns_forward_is_the_open_path() -> None:
    method = method_of(Proxyless)
    outputs: list[torch.Tensor] = []
    forward = method.supernet.forward

    def keep(example_B: Any) -> torch.Tensor:
        output = forward(example_B)
        outputs.append(output.detach())
        return output

    method.supernet.forward = keep  # type: ignore[method-assign]
    batch = method.context.validation_stream.next()
    generator = torch.Generator().manual_seed(3)
    path = method.draw(method.noise(generator), generator)
    method.train_logits(batch, 0.5, torch.Generator().manual_seed(3))
    alone = Supernet(
        method.problem.proxy,
        path.as_subspace(),
        seed=0,
    )
    alone.inherit(method.supernet)
    expected = alone.train()(batch.example_B)
    assert torch.allclose(outputs[0], expected, atol=1e-5)
    assert isinstance(path, Architecture)
