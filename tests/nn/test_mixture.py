"""A supernet's mixtures against the same sum written by hand, in float64."""

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from radars.nn.memory_saving.savings import MemorySavings
from radars.nn.mixture import Mixture
from radars.nn.relaxation import Softmax
from radars.nn.supernet import Supernet
from radars.space import Choose, SearchSpace

TOLERANCE = 1e-10


def conv_bn(kernel_size: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(4, 4, kernel_size, padding=kernel_size // 2), nn.BatchNorm2d(4), nn.ReLU()
    )


def two_mixtures(choose: Choose) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 4, 3),
        choose("a", {"k1": lambda: conv_bn(1), "none": nn.Identity, "k3": lambda: conv_bn(3)}),
        choose("b", {"k3": lambda: conv_bn(3), "k5": lambda: conv_bn(5)}),
        nn.Flatten(),
        nn.Linear(64, 5),
    )


def with_dropout(choose: Choose) -> nn.Module:
    return nn.Sequential(
        nn.Linear(6, 6),
        choose("a", {"drop": lambda: nn.Dropout(0.5), "drop_less": lambda: nn.Dropout(0.2)}),
        nn.Linear(6, 2),
    )


def double_supernet(network: Callable[[Choose], nn.Module], *, recompute: bool) -> Supernet:
    supernet = Supernet(
        SearchSpace(network), savings=MemorySavings(recompute=recompute), seed=1
    ).double()
    with torch.no_grad():
        generator = torch.Generator().manual_seed(2)
        for logit_C in supernet.logits:
            logit_C.copy_(torch.randn(logit_C.shape, generator=generator))
    return supernet


def mixtures(supernet: Supernet) -> list[Mixture]:
    return [module for module in supernet.modules() if isinstance(module, Mixture)]


class Reference(nn.Module):
    """What `two_mixtures` computes as a supernet, with softmax weights, written out."""

    def __init__(self, supernet: Supernet) -> None:
        super().__init__()
        network = supernet.network
        assert isinstance(network, nn.Sequential)
        self.stem, self.linear = copy.deepcopy(network[0]), copy.deepcopy(network[4])
        first, second = (copy.deepcopy(mixture.live) for mixture in mixtures(supernet))
        self.a = nn.ModuleDict(first)
        self.b = nn.ModuleDict(second)
        self.logit_a, self.logit_b = (copy.deepcopy(logit_C) for logit_C in supernet.logits)

    def forward(self, example: Tensor) -> Tensor:
        hidden = self.stem(example)
        weight_a = self.logit_a.exp() / self.logit_a.exp().sum()
        hidden = (
            weight_a[0] * self.a["k1"](hidden)
            + weight_a[1] * hidden
            + weight_a[2] * self.a["k3"](hidden)
        )
        weight_b = self.logit_b.exp() / self.logit_b.exp().sum()
        hidden = weight_b[0] * self.b["k3"](hidden) + weight_b[1] * self.b["k5"](hidden)
        output = self.linear(hidden.flatten(1))
        assert isinstance(output, Tensor)
        return output


@pytest.mark.parametrize("recompute", [False, True])
def test_outputs_and_gradients_are_those_of_the_sum_written_by_hand(recompute: bool) -> None:
    supernet = double_supernet(two_mixtures, recompute=recompute).train()
    reference = Reference(supernet).train()
    example = torch.randn(7, 3, 6, 6, dtype=torch.float64)
    output, expected = supernet(example), reference(example)
    assert torch.allclose(output, expected, rtol=0, atol=TOLERANCE)
    output.square().sum().backward()
    expected.square().sum().backward()

    network = supernet.network
    assert isinstance(network, nn.Sequential)
    first, second = mixtures(supernet)
    pairs: list[tuple[nn.Module, nn.Module]] = [
        (network[0], reference.stem),
        (network[4], reference.linear),
        *((first.live[name], reference.a[name]) for name in first.live),
        *((second.live[name], reference.b[name]) for name in second.live),
    ]
    for module, by_hand in pairs:
        for parameter, parameter_by_hand in zip(
            module.parameters(), by_hand.parameters(), strict=True
        ):
            assert parameter.grad is not None
            assert parameter_by_hand.grad is not None
            assert torch.allclose(parameter.grad, parameter_by_hand.grad, rtol=0, atol=TOLERANCE)
        for buffer, buffer_by_hand in zip(module.buffers(), by_hand.buffers(), strict=True):
            assert torch.allclose(buffer, buffer_by_hand, rtol=0, atol=TOLERANCE)
    for logit_C, by_hand_C in zip(
        supernet.logits, (reference.logit_a, reference.logit_b), strict=True
    ):
        assert logit_C.grad is not None
        assert by_hand_C.grad is not None
        assert torch.allclose(logit_C.grad, by_hand_C.grad, rtol=0, atol=TOLERANCE)
        assert logit_C.grad.abs().max() > 0


@pytest.mark.parametrize("recompute", [False, True])
def test_batch_statistics_are_counted_once(recompute: bool) -> None:
    supernet = double_supernet(two_mixtures, recompute=recompute).train()
    supernet(torch.randn(7, 3, 6, 6, dtype=torch.float64)).sum().backward()
    layers = [module for module in supernet.modules() if isinstance(module, nn.BatchNorm2d)]
    assert len(layers) == 4
    for layer in layers:
        assert layer.num_batches_tracked is not None
        assert layer.num_batches_tracked.item() == 1
        assert layer.momentum == 0.1


def test_dropout_draws_the_same_when_recomputed() -> None:
    example = torch.randn(8, 6, dtype=torch.float64)
    results = []
    for recompute in (False, True):
        supernet = double_supernet(with_dropout, recompute=recompute).train()
        torch.manual_seed(5)
        output = supernet(example)
        torch.manual_seed(6)  # the backward pass must not draw from here
        output.square().sum().backward()
        gradients = [parameter.grad for parameter in supernet.parameters()]
        results.append([output.detach(), *(grad for grad in gradients if grad is not None)])
    assert len(results[0]) == 6
    for plain, recomputed in zip(*results, strict=True):
        assert torch.allclose(plain, recomputed, rtol=0, atol=TOLERANCE)


def test_recomputing_saves_less_for_the_backward_pass() -> None:
    def saved_bytes(recompute: bool) -> int:
        storages: dict[int, int] = {}

        def pack(tensor: Tensor) -> Tensor:
            storages[tensor.data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        supernet = double_supernet(two_mixtures, recompute=recompute).train()
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            supernet(torch.randn(32, 3, 6, 6, dtype=torch.float64))
        return sum(storages.values())

    assert saved_bytes(recompute=True) < 0.6 * saved_bytes(recompute=False)


def test_a_mixture_alone_says_that_it_has_no_weights() -> None:
    mixture = Mixture()
    mixture.live = {"a": nn.Identity(), "b": nn.ReLU()}
    with pytest.raises(RuntimeError, match="inside its Supernet"):
        mixture(torch.zeros(2))
    mixture.live = {"a": nn.Identity()}
    assert torch.equal(mixture(torch.ones(2)), torch.ones(2))


def test_weights_are_dropped_after_the_forward_pass() -> None:
    supernet = double_supernet(two_mixtures, recompute=False)
    supernet(torch.randn(2, 3, 6, 6, dtype=torch.float64))
    assert [mixture.weight_C for mixture in mixtures(supernet)] == [None, None]


def test_the_temperature_reaches_the_mixture() -> None:
    supernet = double_supernet(with_dropout, recompute=False).eval()
    example = torch.randn(3, 6, dtype=torch.float64)
    expected = supernet(example)  # dropout off: both candidates are identities
    supernet.relaxation = Softmax(temperature=0.1)
    assert torch.allclose(supernet(example), expected)
