from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from tests.tiny import planted_space, shared_space, tiny_space, zoo_space
from torch import nn

from radars.memory import MemoryTracker, Part, PriceCache, inference_bytes, inference_memory
from radars.space import Architecture, Choose, SearchSpace

SPACES: dict[str, Callable[[], SearchSpace]] = {
    "tiny": tiny_space,
    "shared": shared_space,
    "planted": planted_space,
    **{name: partial(zoo_space, name) for name in ("digits", "nasbench201", "vit")},
}


@pytest.mark.parametrize("name", SPACES)
def test_the_largest_sum_is_what_the_whole_network_holds(name: str) -> None:
    space = SPACES[name]()
    assert space.input_shape is not None
    metric = inference_memory(space, space.input_shape)
    assert metric.whole is not None
    generator = torch.Generator().manual_seed(0)
    for _ in range(4):
        architecture = space.random_architecture(generator)
        assert metric.of(architecture) == metric.whole(architecture)


def test_a_trace_counts_what_a_real_inference_holds() -> None:
    space, architecture = tiny_space(), Architecture(dict.fromkeys("abc", "mb2"))
    network, example_B = space.build(architecture).eval(), torch.zeros(3, 1, 8, 8)
    held = {
        Part.PARAMETERS: [*network.parameters(), *network.buffers()],
        Part.ACTIVATIONS: [example_B],
    }
    with torch.no_grad(), MemoryTracker(held, example_B.device) as tracker:
        network(example_B)
    assert inference_bytes(space, architecture, (1, 8, 8), batch_size=3) == tracker.peak_bytes


def test_a_peak_that_can_be_counted_by_hand() -> None:
    def network(choose: Choose) -> nn.Module:
        def wide() -> nn.Module:
            return nn.Sequential(nn.Linear(8, 64), nn.Linear(64, 8))

        return nn.Sequential(choose("a", {"none": nn.Identity, "wide": wide}))

    metric = inference_memory(SearchSpace(network), (8,), batch_size=2)
    weights = 8 * 64 + 64 + 64 * 8 + 8
    assert metric.of({"a": "wide"}) == 4 * (weights + 2 * (8 + 64 + 8))
    assert metric.whole is not None
    assert metric.whole({"a": "none"}) == 4 * 2 * 8  # it returns its input
    assert metric.of({"a": "none"}) == 4 * 2 * (8 + 8)  # which the sums do not know


def test_candidates_are_traced_once_on_each_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from radars.memory import inference

    first = inference_memory(tiny_space(), (1, 8, 8), cache=PriceCache(tmp_path))
    monkeypatch.delattr(inference, "_price")
    again = inference_memory(tiny_space(), (1, 8, 8), cache=PriceCache(tmp_path))
    assert again.sums == first.sums
