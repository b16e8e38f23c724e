from collections.abc import Callable
from functools import partial

import pytest
import torch
from tests.tiny import wide_space
from torch import Tensor, nn
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode

from radars.memory.predict import track
from radars.nn.memory_saving.savings import MemorySavings
from radars.nn.optimizer import OptimizerConfig
from radars.nn.second_order_step import second_order_step
from radars.nn.statistics import frozen_statistics
from radars.nn.steps import architecture_step, evaluation_step, weights_step
from radars.nn.supernet import Supernet
from radars.space import Architecture, Choose, SearchSpace

LEVERS = (MemorySavings(), MemorySavings(recompute=1.0), MemorySavings(selective=1.0))


def network(choose: Choose) -> nn.Module:
    def conv(kernel_size: int) -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(3, 3, kernel_size, padding=kernel_size // 2), nn.BatchNorm2d(3), nn.SiLU()
        )

    def layer(name: str) -> nn.Module:
        return choose(name, {"none": nn.Identity, "k1": lambda: conv(1), "k3": lambda: conv(3)})

    return nn.Sequential(
        nn.Conv2d(1, 3, 1),
        layer("a"),
        layer("b"),
        nn.Flatten(),
        nn.Dropout(0.0),
        nn.Linear(48, 4),
    )


def with_dropout(choose: Choose) -> nn.Module:
    return nn.Sequential(
        nn.Linear(4, 4), choose("a", {"none": nn.Identity, "relu": nn.ReLU}), nn.Dropout(0.5)
    )


def batch(dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(8, 1, 4, 4, generator=generator).to(dtype), torch.arange(8) % 4


def values(tensors: list[nn.Parameter]) -> list[Tensor]:
    return [tensor.detach().clone() for tensor in tensors]


def same(left: list[Tensor], right: list[Tensor]) -> list[bool]:
    return [torch.equal(*pair) for pair in zip(left, right, strict=True)]


def assert_no_gradients(supernet: Supernet) -> None:
    assert all(parameter.grad is None for parameter in supernet.parameters())
    assert all(parameter.requires_grad for parameter in supernet.parameters())


@pytest.mark.parametrize("savings", LEVERS, ids=str)
def test_a_weights_step_moves_weights_and_no_logits(savings: MemorySavings) -> None:
    supernet = Supernet(SearchSpace(network), savings=savings)
    weights, logits = values(supernet.weight_parameters()), values(list(supernet.logits))
    loss = weights_step(supernet, *batch())
    assert loss.shape == ()
    assert not loss.requires_grad
    assert not any(same(weights, values(supernet.weight_parameters())))
    assert all(same(logits, values(list(supernet.logits))))
    assert_no_gradients(supernet)


@pytest.mark.parametrize("savings", LEVERS, ids=str)
def test_an_architecture_step_moves_logits_and_no_weights(savings: MemorySavings) -> None:
    supernet = Supernet(SearchSpace(network), savings=savings)
    weights, logits = values(supernet.weight_parameters()), values(list(supernet.logits))
    buffers = [buffer.clone() for buffer in supernet.buffers()]
    loss = architecture_step(supernet, *batch())
    assert not loss.requires_grad
    assert all(same(weights, values(supernet.weight_parameters())))
    assert all(same(buffers, list(supernet.buffers())))
    assert not any(same(logits, values(list(supernet.logits))))
    assert_no_gradients(supernet)


def with_logits(savings: MemorySavings) -> Supernet:
    """A supernet whose architecture steps move the logits by minus their gradient."""
    descent = OptimizerConfig(learning_rate=1.0, momentum=0.0, weight_decay=0.0)
    supernet = Supernet(
        SearchSpace(network), architecture_optimizer=descent, savings=savings
    ).double()
    supernet.logits.set(
        {"a": {"none": 0.3, "k1": -0.2, "k3": 0.5}, "b": {"none": 0.0, "k1": 0.4, "k3": -0.6}}
    )
    return supernet


def central_differences(supernet: Supernet, loss: Callable[[], float], step: float) -> list[float]:
    """The derivatives of a loss by each logit."""
    differences = []
    for logit_C in supernet.logits:
        for index, value in enumerate(logit_C.tolist()):
            shifted = []
            for shift in (step, -step):
                logit_C.data[index] = value + shift
                shifted.append(loss())
            logit_C.data[index] = value
            differences.append((shifted[0] - shifted[1]) / (2 * step))
    return differences


@pytest.mark.parametrize("savings", LEVERS, ids=str)
def test_the_architecture_gradient_is_that_of_finite_differences(savings: MemorySavings) -> None:
    supernet = with_logits(savings)
    example, label = batch(torch.float64)

    def loss() -> float:
        with torch.no_grad(), frozen_statistics(supernet):
            return nn.functional.cross_entropy(supernet.train()(example), label).item()

    differences = central_differences(supernet, loss, 1e-5)
    before = values(list(supernet.logits))
    architecture_step(supernet, example, label)
    gradient = torch.cat(
        [old - new.detach() for old, new in zip(before, supernet.logits, strict=True)]
    )
    assert gradient.abs().min() > 1e-6
    assert gradient.tolist() == pytest.approx(differences, abs=1e-8)


def second_order_gradient(supernet: Supernet, rate: float) -> Tensor:
    """What a second-order step takes as the gradient of all logits."""
    train_example, train_label = train_batch()
    before = values(list(supernet.logits))
    second_order_step(
        supernet,
        *batch(torch.float64),
        train_example,
        train_label,
        virtual_learning_rate=rate,
    )
    return torch.cat([old - new.detach() for old, new in zip(before, supernet.logits, strict=True)])


def train_batch() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(8, 1, 4, 4, generator=generator).double(), torch.arange(8) % 3


@pytest.mark.parametrize("savings", LEVERS, ids=str)
def test_the_second_order_gradient_is_that_of_finite_differences(savings: MemorySavings) -> None:
    rate, supernet = 0.2, with_logits(savings)
    weights = supernet.weight_parameters()

    def loss_after_a_virtual_step() -> float:
        example, label = train_batch()
        with frozen_statistics(supernet):
            train_loss = nn.functional.cross_entropy(supernet.train()(example), label)
            gradients = torch.autograd.grad(train_loss, weights, materialize_grads=True)
            with torch.no_grad():
                for weight, gradient in zip(weights, gradients, strict=True):
                    weight.sub_(rate * gradient)
                example, label = batch(torch.float64)
                loss = nn.functional.cross_entropy(supernet(example), label).item()
                for weight, gradient in zip(weights, gradients, strict=True):
                    weight.add_(rate * gradient)
        return loss

    differences = central_differences(supernet, loss_after_a_virtual_step, 1e-4)
    logits = values(list(supernet.logits))
    first_order = second_order_gradient(supernet, rate=0.0)
    for logit_C, before in zip(supernet.logits, logits, strict=True):
        logit_C.data.copy_(before)
    gradient = second_order_gradient(supernet, rate)
    expected = torch.tensor(differences, dtype=torch.float64)
    error, change = (gradient - expected).abs().max(), (first_order - expected).abs().max()
    assert error < 1e-3 * expected.abs().max()
    assert change > 0.05 * expected.abs().max()  # the virtual step matters here


def test_a_second_order_step_leaves_the_weights_as_they_were() -> None:
    supernet = Supernet(SearchSpace(network))
    weights, logits = values(supernet.weight_parameters()), values(list(supernet.logits))
    buffers = [buffer.clone() for buffer in supernet.buffers()]
    loss = second_order_step(supernet, *batch(), *batch(), virtual_learning_rate=0.1)
    assert not loss.requires_grad
    assert all(same(weights, values(supernet.weight_parameters())))
    assert all(same(buffers, list(supernet.buffers())))
    assert not any(same(logits, values(list(supernet.logits))))
    assert_no_gradients(supernet)


def test_an_architecture_step_of_a_single_path_changes_nothing() -> None:
    supernet = Supernet(SearchSpace(network))
    supernet.activate(Architecture({"a": "k1", "b": "none"}))
    before = {name: tensor.clone() for name, tensor in supernet.state_dict().items()}
    architecture_step(supernet, *batch())
    after = supernet.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_evaluation_leaves_no_trace() -> None:
    supernet = Supernet(SearchSpace(network))
    weights_step(supernet, *batch())
    before = {name: tensor.clone() for name, tensor in supernet.state_dict().items()}
    seen: list[bool] = []
    hook = supernet.register_forward_hook(lambda *_: seen.append(torch.is_grad_enabled()))
    output = evaluation_step(supernet, batch()[0])
    hook.remove()
    assert seen == [False]
    assert output.shape == (8, 4)
    assert not output.requires_grad
    assert all(torch.equal(before[name], tensor) for name, tensor in supernet.state_dict().items())
    assert_no_gradients(supernet)


def test_evaluation_normalises_with_the_batch() -> None:
    supernet = Supernet(SearchSpace(network))
    example, _ = batch()
    first = evaluation_step(supernet, example)
    for _ in range(3):
        supernet.train()(example + 10)  # moves the running statistics only
    assert torch.equal(evaluation_step(supernet, example), first)


def test_evaluation_in_parts_is_of_each_part_alone() -> None:
    supernet = Supernet(SearchSpace(network))
    example, _ = batch()
    parts = [evaluation_step(supernet, part) for part in example.tensor_split(3)]
    assert torch.equal(evaluation_step(supernet, example, micro_batches=3), torch.cat(parts))


def test_evaluation_of_blocks_that_are_trained_in_parts_is_in_parts() -> None:
    path = Architecture(dict.fromkeys("abc", "mb8_k3"))
    supernet = Supernet(wide_space(), path.as_subspace())
    example, peaks, outputs = torch.randn(32, 1, 16, 16), [], []
    for savings in (MemorySavings(), MemorySavings(recompute=1.0, split_channels=1.0)):
        supernet.set_savings(savings)
        with track(supernet, [example]) as tracker:
            outputs.append(evaluation_step(supernet, example))
        peaks.append(tracker.peak_bytes)
    assert torch.allclose(outputs[0], outputs[1], atol=1e-5)
    assert peaks[1] < 0.7 * peaks[0]


def test_evaluation_has_no_dropout_and_training_has() -> None:
    supernet = Supernet(SearchSpace(with_dropout))
    example = torch.randn(64, 4)
    assert torch.equal(evaluation_step(supernet, example), evaluation_step(supernet, example))
    assert not torch.equal(supernet.train()(example), supernet(example))


def test_weights_steps_learn() -> None:
    supernet = Supernet(SearchSpace(network))
    losses = [weights_step(supernet, *batch()).item() for _ in range(30)]
    assert losses[-1] < 0.5 * losses[0]


def test_gradients_are_clipped() -> None:
    config = OptimizerConfig(
        learning_rate=1.0, momentum=0.0, weight_decay=0.0, max_gradient_norm=1e-3
    )
    supernet = Supernet(SearchSpace(network), optimizer=config)
    before = values(supernet.weight_parameters())
    weights_step(supernet, *batch())
    moved = [
        (old - new).square().sum()
        for old, new in zip(before, values(supernet.weight_parameters()), strict=True)
    ]
    assert torch.stack(moved).sum().sqrt().item() == pytest.approx(1e-3, rel=1e-2)


def test_mixed_precision_keeps_weights_and_results_in_float32() -> None:
    supernet = Supernet(SearchSpace(network))
    loss = weights_step(supernet, *batch(), precision="bf16-mixed")
    architecture_step(supernet, *batch(), precision="bf16-mixed")
    assert torch.isfinite(loss)
    assert evaluation_step(supernet, batch()[0], precision="bf16-mixed").dtype == torch.float32
    assert {parameter.dtype for parameter in supernet.parameters()} == {torch.float32}


def test_the_loss_is_whatever_is_given() -> None:
    supernet = Supernet(SearchSpace(network))
    example, label = batch()

    def loss(output_BK: Tensor, label_B: Tensor) -> Tensor:
        assert torch.equal(label_B, label)
        return output_BK.sum() * 0 + 7

    assert weights_step(supernet, example, label, loss=loss).item() == 7
    assert architecture_step(supernet, example, label, loss=loss).item() == 7


def without_batch_norm(choose: Choose) -> nn.Module:
    def layer(name: str) -> nn.Module:
        return choose(name, {"none": nn.Identity, "linear": lambda: nn.Linear(16, 16)})

    return nn.Sequential(nn.Flatten(), layer("a"), nn.Tanh(), layer("b"), nn.Linear(16, 4))


@pytest.mark.parametrize("micro_batches", [2, 3, 8])
@pytest.mark.parametrize("savings", LEVERS, ids=str)
def test_a_batch_in_parts_trains_as_the_whole_does(
    micro_batches: int, savings: MemorySavings
) -> None:
    descent = OptimizerConfig(name="sgd", learning_rate=1.0, momentum=0.0, weight_decay=0.0)

    def trained(micro_batches: int) -> tuple[list[Tensor], list[Tensor]]:
        supernet = Supernet(
            SearchSpace(without_batch_norm),
            optimizer=descent,
            architecture_optimizer=descent,
            savings=savings,
        ).double()
        losses = [
            weights_step(supernet, *batch(torch.float64), micro_batches=micro_batches),
            architecture_step(
                supernet,
                *batch(torch.float64),
                micro_batches=micro_batches,
                regulariser=lambda net: net.live_logits()["a"].square().sum(),
            ),
        ]
        return losses, values([*supernet.weight_parameters(), *supernet.logits])

    whole_losses, whole = trained(1)
    part_losses, parts = trained(micro_batches)
    for left, right in zip(whole_losses + whole, part_losses + parts, strict=True):
        torch.testing.assert_close(left.double(), right.double(), rtol=1e-6, atol=1e-7)
    assert not all(same(whole, parts))  # it was split, or rounding would be the same


def everything(supernet: Supernet) -> dict[str, Tensor]:
    """Weights, statistics, logits and the state of all optimizers, as copies."""
    return {name: tensor.clone() for name, tensor in supernet.state_dict().items()}


def spoiled(example: Tensor) -> Tensor:
    """A batch with a number that is not one, as a broken image or sensor gives it."""
    example = example.clone()
    example[0, 0, 0, 0] = float("nan")
    return example


STEPS: dict[str, Callable[..., Tensor]] = {
    "weights": weights_step,
    "weights in parts": partial(weights_step, micro_batches=2),
    "architecture": architecture_step,
    "second order": partial(second_order_step, virtual_learning_rate=0.1),
}


@pytest.mark.parametrize("savings", LEVERS, ids=str)
@pytest.mark.parametrize("kind", STEPS)
def test_a_step_whose_loss_is_not_finite_changes_nothing(kind: str, savings: MemorySavings) -> None:
    supernet = Supernet(SearchSpace(network), savings=savings)
    good, bad = batch(), (spoiled(batch()[0]), batch()[1])
    parts: dict[str, list[tuple[Tensor, ...]]] = {
        "weights": [bad],
        "weights in parts": [bad, (bad[0].flip(0), bad[1])],  # in the first part, in the second
        "architecture": [bad],
        "second order": [(*bad, *good), (*good, *bad)],
    }
    enough = good * (2 if kind == "second order" else 1)
    assert torch.isfinite(STEPS[kind](supernet, *enough))  # momentum is there from now on
    before = everything(supernet)
    for tensors in parts[kind]:
        assert not torch.isfinite(STEPS[kind](supernet, *tensors))
        after = everything(supernet)
        assert [name for name in before if not torch.equal(before[name], after[name])] == []
        assert_no_gradients(supernet)
    assert torch.isfinite(STEPS[kind](supernet, *enough))
    assert any(not torch.equal(before[name], new) for name, new in everything(supernet).items())


def test_a_gradient_that_is_not_finite_changes_nothing() -> None:
    supernet = Supernet(SearchSpace(network))
    before = everything(supernet)

    def steep(output_BK: Tensor, label_B: Tensor) -> Tensor:
        return (output_BK - output_BK.detach()).sum().sqrt()  # 0, of infinite slope

    assert torch.isnan(weights_step(supernet, *batch(), loss=steep))
    after = everything(supernet)
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert_no_gradients(supernet)


@pytest.mark.parametrize("config", [OptimizerConfig(), OptimizerConfig(name="adamw")], ids=str)
@pytest.mark.parametrize("savings", LEVERS, ids=str)
@pytest.mark.parametrize("kind", STEPS)
def test_no_step_waits_for_the_device(
    kind: str, savings: MemorySavings, config: OptimizerConfig
) -> None:
    """On fake tensors, which have no numbers, whatever asks for one fails."""
    space = SearchSpace(network)
    with FakeTensorMode():
        supernet = Supernet(
            space,
            optimizer=config,
            architecture_optimizer=config,
            savings=savings,
        )
        tensors = torch.randn(8, 1, 4, 4), torch.arange(8) % 4
        STEPS[kind](supernet, *tensors * (2 if kind == "second order" else 1))
        evaluation_step(supernet, tensors[0])

        def asking(output_BK: Tensor, label_B: Tensor) -> Tensor:
            loss = nn.functional.cross_entropy(output_BK, label_B)
            return loss if loss.item() < 1e9 else loss * 0

        with pytest.raises(DataDependentOutputException):
            weights_step(supernet, *tensors, loss=asking)


def test_an_evaluation_of_what_is_not_finite_leaves_the_statistics() -> None:
    supernet = Supernet(SearchSpace(network))
    before = everything(supernet)
    assert torch.isnan(evaluation_step(supernet, spoiled(batch()[0]))).any()
    after = everything(supernet)
    assert all(torch.equal(before[name], after[name]) for name in before)
