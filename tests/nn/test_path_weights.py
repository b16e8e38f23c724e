"""Shared weights and relaxations where an architecture is a network of its own."""

from functools import partial

import pytest
import torch
from tests.tiny import sized_space
from torch import Tensor, nn
from torch.nn import functional

from radars.memory import TrainingSpec, measure, path_relaxation, predict
from radars.nn.path_relaxation import MaskedNetwork, MaskMaker
from radars.nn.path_weights import path_tensors
from radars.nn.steps import StepKind, architecture_step, num_paths, weights_step
from radars.nn.supernet import Supernet
from radars.seeds import seed_torch
from radars.space import Architecture, Choose, SearchSpace, Subspace

SPACE = sized_space()
WIDE = Architecture({"first": 4, "second": 8, "depth": 1, "block0": "conv", "kernel0": 5})
NARROW = Architecture({"first": 2, "second": 4, "depth": 1, "block0": "conv", "kernel0": 3})


def batch(size: int = 4) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(size, 1, 8, 8, generator=generator), torch.arange(size) % 4


def live_network(supernet: Supernet) -> nn.Module:
    [masked] = supernet.network.live.values()  # type: ignore[operator]
    assert isinstance(masked, MaskedNetwork)
    return masked.network


def test_a_path_is_its_plain_network_and_parts_of_the_largest_weights() -> None:
    shared = Supernet(SPACE, WIDE.as_subspace())
    weights_step(shared, *batch())
    large = {name: t.clone() for name, t in live_network(shared).state_dict().items()}
    shared.activate(NARROW)
    network = live_network(shared)
    assert str(network) == str(SPACE.build(NARROW))
    small = network.state_dict()
    assert torch.equal(small["0.0.weight"], large["0.0.weight"][:2])
    assert torch.equal(small["1.0.weight"], large["1.0.weight"][:4, :2])
    assert torch.equal(small["1.1.running_mean"], large["1.1.running_mean"][:4])
    assert torch.equal(small["block0.0.weight"], large["block0.0.weight"][:4, :4, 1:4, 1:4])
    assert torch.equal(small["head.2.weight"], large["head.2.weight"][:, :4])


def test_what_a_path_learns_the_others_have_with_its_momentum() -> None:
    shared = Supernet(SPACE, WIDE.as_subspace())
    before = live_network(shared).state_dict()["0.0.weight"].clone()
    shared.activate(NARROW)
    weights_step(shared, *batch())
    learned = live_network(shared).state_dict()["0.0.weight"].clone()
    [optimizer] = shared.weight_optimizers()
    momentum = next(iter(optimizer.state.values()))["momentum_buffer"].clone()
    shared.activate(WIDE)
    after = live_network(shared).state_dict()["0.0.weight"]
    assert not torch.equal(learned, before[:2])
    assert torch.equal(after[:2], learned)
    assert torch.equal(after[2:], before[2:])
    [optimizer] = shared.weight_optimizers()
    assert torch.equal(next(iter(optimizer.state.values()))["momentum_buffer"][:2], momentum)


def test_a_state_is_put_back_bit_for_bit_and_has_the_weights_of_any_architecture() -> None:
    shared = Supernet(SPACE, WIDE.as_subspace())
    weights_step(shared, *batch())
    state = {name: tensor.clone() for name, tensor in shared.state_dict().items()}
    other = Supernet(SPACE, NARROW.as_subspace(), seed=1)
    other.load_state_dict(state)
    assert {*other.state_dict()} == {*state}
    shared.activate(NARROW)
    other.activate(WIDE)
    other.activate(NARROW)
    expected = live_network(shared).state_dict()
    for found in (live_network(other).state_dict(), path_tensors(SPACE, NARROW, state)):
        assert found.keys() == expected.keys()
        assert all(torch.equal(found[name], expected[name]) for name in expected)
    child = Supernet(SPACE, NARROW.as_subspace(), seed=2)
    child.inherit(shared)
    inherited = live_network(child).state_dict()
    assert all(torch.equal(inherited[name], expected[name]) for name in expected)


def test_initial_weights_are_of_the_seed_alone() -> None:
    first, second = (Supernet(SPACE, NARROW.as_subspace(), seed=3) for _ in range(2))
    torch.rand(1)
    one, other = (live_network(each).state_dict() for each in (first, second))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_sizes_are_masked_and_what_changes_modules_is_not() -> None:
    relaxation = path_relaxation(SPACE, (1, 8, 8), 4)
    assert relaxation.masked == {"first", "second", "kernel0", "kernel1"}
    assert relaxation.by_size["depth"] == (2, 1)
    assert relaxation.by_size["kernel0"] == (5, 3)


@pytest.fixture
def double() -> MaskedNetwork:
    """The network of the widest, in double precision, with every mask of it."""
    relaxation = path_relaxation(SPACE, (1, 8, 8), 4)
    seed_torch(0)
    network = SPACE.build(WIDE).double().train()
    live = Subspace({choice: SPACE.full[choice] if choice in relaxation.masked else (taken,)
                     for choice, taken in WIDE.items()})  # fmt: skip
    return MaskedNetwork(
        network, MaskMaker(SPACE, relaxation).masks(WIDE, live, torch.device("cpu"))
    )


def one_hot(architecture: Architecture) -> dict[str, Tensor]:
    return {
        choice: torch.tensor([float(name == architecture[choice]) for name in SPACE.full[choice]])
        for choice in ("first", "second", "kernel0")
    }


@pytest.mark.parametrize("first", [2, 4])
@pytest.mark.parametrize("second", [4, 8])
@pytest.mark.parametrize("kernel", [3, 5])
def test_a_mask_of_one_candidate_is_the_network_that_is_replayed(
    double: MaskedNetwork, first: int, second: int, kernel: int
) -> None:
    architecture = Architecture({**WIDE, "first": first, "second": second, "kernel0": kernel})
    network = SPACE.build(architecture).double().train()
    whole = dict(double.network.named_parameters())
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            start = [(w - s) // 2 if dim > 1 else 0 for dim, (w, s) in
                     enumerate(zip(whole[name].shape, parameter.shape, strict=True))]  # fmt: skip
            window = tuple(slice(a, a + s) for a, s in zip(start, parameter.shape, strict=True))
            parameter.copy_(whole[name][window])
    double.weights = one_hot(architecture)
    example = batch()[0].double()
    torch.testing.assert_close(double(example), network(example), rtol=1e-9, atol=1e-12)


def test_gradients_of_logits_are_those_of_finite_differences(double: MaskedNetwork) -> None:
    example, label = batch()[0].double(), batch()[1]
    logits = {
        choice: torch.tensor([0.3, -0.2], dtype=torch.float64, requires_grad=True)
        for choice in ("first", "second", "kernel0")
    }

    def loss() -> Tensor:
        double.weights = {choice: logit.softmax(-1) for choice, logit in logits.items()}
        return functional.cross_entropy(double(example), label)

    loss().backward()  # type: ignore[no-untyped-call]
    step = 1e-6
    for logit in logits.values():
        assert logit.grad is not None
        for index in range(2):
            with torch.no_grad():
                logit[index] += step
                above = loss()
                logit[index] -= 2 * step
                below = loss()
                logit[index] += step
            expected = (above - below) / (2 * step)
            assert abs(float(logit.grad[index] - expected)) < 1e-7
            assert abs(float(expected)) > 1e-6


def test_over_paths_the_output_is_that_of_two_networks_weighed_by_their_probabilities() -> None:
    space = SearchSpace(depth_and_act)
    relaxation = path_relaxation(space, (1, 8, 8), 4)
    assert not relaxation.masked
    relaxed = Supernet(space, space.full, path_relaxation=relaxation)
    logits = relaxed.logits.by_choice
    with torch.no_grad():
        logits["depth"].copy_(torch.tensor([0.5, 0.1, -0.3]))
        logits["act"].copy_(torch.tensor([0.2, -0.4]))
    seed_torch(5)
    relaxed.draw_paths(2)
    example, label = batch()
    output = relaxed(example)
    parts = []
    for masked in relaxed.network.live.values():  # type: ignore[operator]
        network = masked.network
        depth = sum(isinstance(layer, nn.Linear) for layer in network) - 2
        is_relu = any(isinstance(layer, nn.ReLU) for layer in network)
        parts.append((depth, is_relu, network(example).detach()))
    assert parts[0][:2] != parts[1][:2]

    def expected(depth_3: Tensor, act_2: Tensor) -> Tensor:
        probabilities = torch.stack(
            [
                depth_3.softmax(-1)[depth] * act_2.softmax(-1)[0 if is_relu else 1]
                for depth, is_relu, _ in parts
            ]
        )
        first, second = (probabilities / probabilities.sum()).unbind()
        total: Tensor = first * parts[0][2] + second * parts[1][2]
        return total

    values = [logits[name].detach().clone().requires_grad_() for name in ("depth", "act")]
    torch.testing.assert_close(output, expected(*values))
    functional.cross_entropy(output, label).backward()  # type: ignore[no-untyped-call]
    functional.cross_entropy(expected(*values), label).backward()  # type: ignore[no-untyped-call]
    for name, value in zip(("depth", "act"), values, strict=True):
        torch.testing.assert_close(logits[name].grad, value.grad)


def depth_and_act(choose: Choose) -> nn.Module:
    act = {"relu": nn.ReLU, "tanh": nn.Tanh}
    layers: list[nn.Module] = [nn.Flatten(), nn.Linear(64, 6), choose("act", act)]
    layers += [nn.Linear(6, 6) for _ in range(choose("depth", [0, 1, 2]))]
    return nn.Sequential(*layers, nn.Linear(6, 4))


def test_steps_train_one_path_and_compare_two() -> None:
    relaxation = path_relaxation(SPACE, (1, 8, 8), 4)
    relaxed = Supernet(SPACE, SPACE.full, path_relaxation=relaxation)
    seed_torch(0)
    relaxed.draw_paths(num_paths(StepKind.WEIGHTS))
    before = {name: t.clone() for name, t in relaxed.state_dict().items()}
    assert len(relaxed.network.live) == 1  # type: ignore[arg-type]
    assert torch.isfinite(weights_step(relaxed, *batch()))
    relaxed.draw_paths(num_paths(StepKind.ARCHITECTURE))
    assert len(relaxed.network.live) == 2  # type: ignore[arg-type]
    after = {name: t.clone() for name, t in relaxed.state_dict().items()}
    assert any(not torch.equal(after[name], before[name]) for name in before)
    assert torch.isfinite(architecture_step(relaxed, *batch()))
    assert any(bool(logit.abs().sum() > 0) for logit in relaxed.logits)
    last = relaxed.state_dict()
    assert all(
        torch.equal(last[name], after[name]) for name in after if name.startswith("paths|value")
    )


def test_the_two_paths_that_hold_the_most_differ_in_one_choice_and_others_hold_no_more() -> None:
    space, spec = sized_space(), TrainingSpec((1, 8, 8), 8)
    relaxation = path_relaxation(space, spec.input_shape, spec.batch_size)
    first, second = relaxation.largest_paths(space, space.full)
    free = [choice for choice in first if choice not in relaxation.masked]
    assert sum(first[choice] != second.get(choice) for choice in free) == 1
    kind = StepKind.ARCHITECTURE
    predicted = predict(space, space.full, spec, kinds=[kind]).peak_bytes
    relaxed = Supernet(space, space.full, path_relaxation=relaxation)
    example, label = batch(8)
    seed_torch(0)
    drawn = set()
    for _ in range(40):
        relaxed.draw_paths(num_paths(kind))
        drawn.add(frozenset(relaxed.drawn_paths))
        step = partial(architecture_step, relaxed, example, label)
        assert measure(step, relaxed, [example, label])[1] <= 1.02 * predicted  # by an estimate
    assert len(drawn) > 15
