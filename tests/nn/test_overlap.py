"""What candidates of one choice have in common is trained once, and found by all of them."""

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.tiny import overlapping_space
from torch import Tensor

from radars.nn.optimizer import OptimizerConfig
from radars.nn.overlap import Overlap
from radars.nn.steps import architecture_step, weights_step
from radars.nn.supernet import Supernet
from radars.space import Architecture, Subspace

SPACE = overlapping_space()
EXPAND, DEPTHWISE, PROJECT = "block.0.0.weight", "block.1.0.weight", "block.2.0.weight"


def both(name: str) -> Architecture:
    return Architecture({"a": name, "b": name})


def train(supernet: Supernet, live: Architecture | Subspace, seed: int, steps: int = 2) -> None:
    supernet.activate(live)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        example_B = torch.randn(8, 1, 8, 8, generator=generator)
        weights_step(supernet, example_B, torch.arange(8) % 4)
        if isinstance(live, Subspace):
            architecture_step(supernet, example_B, torch.arange(8) % 4)


def weights(supernet: Supernet, candidate: str, kind: str = "module") -> dict[str, Tensor]:
    """Of choice `a`, as a candidate that is live has them."""
    supernet.activate(both(candidate))
    prefix = f"a#0/{candidate}|{kind}|"
    state = supernet.state_dict().items()
    return {name.removeprefix(prefix): t.clone() for name, t in state if name.startswith(prefix)}


def test_a_larger_candidate_goes_on_from_what_a_smaller_one_learned() -> None:
    supernet = Supernet(SPACE, both("none").as_subspace(), share_overlap=True)
    fresh = weights(Supernet(SPACE, both("none").as_subspace()), "mb3_k5")
    train(supernet, both("mb2_k3"), seed=0)
    small, large = weights(supernet, "mb2_k3"), weights(supernet, "mb3_k5")
    assert torch.equal(large[EXPAND][:8], small[EXPAND])
    assert torch.equal(large[DEPTHWISE][:8, :, 1:4, 1:4], small[DEPTHWISE])
    assert torch.equal(large[PROJECT][:, :8], small[PROJECT])
    assert torch.equal(large["block.0.1.running_var"][:8], small["block.0.1.running_var"])
    assert torch.equal(large[EXPAND][8:], fresh[EXPAND][8:])  # what nobody has trained yet
    assert torch.equal(large[DEPTHWISE][:8, :, 0], fresh[DEPTHWISE][:8, :, 0])


def test_and_the_smaller_one_from_the_larger_one() -> None:
    supernet = Supernet(SPACE, both("none").as_subspace(), share_overlap=True)
    train(supernet, both("mb2_k3"), seed=0)
    before = weights(supernet, "mb2_k3")
    train(supernet, both("mb3_k5"), seed=1)
    large, small = weights(supernet, "mb3_k5"), weights(supernet, "mb2_k3")
    assert torch.equal(small[DEPTHWISE], large[DEPTHWISE][:8, :, 1:4, 1:4])
    assert not torch.equal(small[DEPTHWISE], before[DEPTHWISE])


def test_the_state_of_the_optimizer_is_shared_too() -> None:
    for name, of in (("sgd", ["momentum_buffer"]), ("adamw", ["exp_avg", "exp_avg_sq", "step"])):
        config = OptimizerConfig.model_validate({"name": name, "learning_rate": 1e-3})
        supernet = Supernet(SPACE, both("none").as_subspace(), optimizer=config, share_overlap=True)
        train(supernet, both("mb2_k3"), seed=0)
        small = weights(supernet, "mb2_k3", "optimizer")
        large = weights(supernet, "mb3_k5", "optimizer")
        for moment in of:
            mine, theirs = small[f"{EXPAND}|{moment}"], large[f"{EXPAND}|{moment}"]
            assert mine.any()
            assert torch.equal(theirs if theirs.dim() == 0 else theirs[:8], mine)


def test_choices_share_nothing_with_each_other_and_without_it_nothing_is_shared() -> None:
    apart = Supernet(SPACE, both("none").as_subspace())
    train(apart, both("mb2_k3"), seed=0)
    fresh = weights(Supernet(SPACE, both("none").as_subspace()), "mb3_k5")
    assert torch.equal(weights(apart, "mb3_k5")[EXPAND], fresh[EXPAND])
    supernet = Supernet(SPACE, both("none").as_subspace(), share_overlap=True)
    train(supernet, Architecture({"a": "none", "b": "mb2_k3"}), seed=0)
    assert torch.equal(weights(supernet, "mb3_k5")[EXPAND], fresh[EXPAND])


def test_a_child_inherits_what_its_candidates_share() -> None:
    supernet = Supernet(SPACE, both("none").as_subspace(), share_overlap=True)
    train(supernet, both("mb2_k3"), seed=0)
    expected = weights(supernet, "mb3_k5")
    supernet.release()
    child = Supernet(SPACE, both("mb3_k5").as_subspace(), seed=0)
    child.inherit(supernet)
    got = weights(child, "mb3_k5")
    assert all(torch.equal(got[name], tensor) for name, tensor in expected.items())


@pytest.mark.parametrize("first", ["none", "mb2_k3"])
def test_training_goes_on_bit_for_bit_from_a_state_that_was_taken_at_any_time(first: str) -> None:
    several = Subspace({"a": ("mb2_k3", "mb3_k5"), "b": ("none", "mb2_k5_se", "mb3_k5")})
    phases: list[Architecture | Subspace] = [
        both("mb2_k3"),
        both("mb3_k5"),
        several,
        several,
        both("mb2_k5_se"),
        both("mb2_k3"),
    ]

    def new() -> Supernet:
        return Supernet(SPACE, both(first).as_subspace(), share_overlap=True)

    def states() -> list[dict[str, Tensor]]:
        supernet = new()
        taken = [copy.deepcopy(supernet.state_dict())]
        for seed, live in enumerate(phases):
            train(supernet, live, seed)
            taken.append(copy.deepcopy(supernet.state_dict()))
        return taken

    uninterrupted = states()
    for start, state in enumerate(uninterrupted[:-1]):
        resumed = new()
        resumed.load_state_dict(state)
        for seed, live in list(enumerate(phases))[start:]:
            train(resumed, live, seed)
        last = resumed.state_dict()
        assert last.keys() == uninterrupted[-1].keys()
        for name, tensor in uninterrupted[-1].items():
            assert torch.equal(last[name], tensor), (start, name)


shapes = st.lists(
    st.tuples(st.integers(1, 4), st.integers(1, 4), st.sampled_from([1, 3, 5])), min_size=1
)


@given(shapes)
def test_what_was_pushed_last_is_what_is_pulled(sizes: list[tuple[int, int, int]]) -> None:
    overlap = Overlap()
    for value, (out, within, kernel) in enumerate(sizes, 1):
        tensor = torch.full((out, 2 * within, kernel, kernel), float(value))
        overlap.push([("w", tensor)])
        pulled = torch.zeros_like(tensor)
        overlap.pull([("w", pulled)])
        assert torch.equal(pulled, tensor)
    everything = torch.zeros(9, 9, 7, 7)
    overlap.pull([("w", everything)])
    assert everything.count_nonzero() >= tensor.numel()
    assert int(everything[0, 0, 3, 3]) == len(sizes)  # the middle is in all of them
    depthwise = torch.zeros(4, 1, 3, 3)
    overlap.pull([("w", depthwise)])
    assert not depthwise.any()
