import gc

import torch
from tests.tiny import MIB, tiny_space

from radars.memory import MemoryTracker, measure
from radars.memory.measure import peak_rss_bytes
from radars.nn.steps import weights_step
from radars.nn.supernet import Supernet


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(8, 1, 8, 8), torch.arange(8) % 4


def test_a_measured_step_returns_what_the_step_returns_and_trains_alike() -> None:
    example_B, label_B = batch()
    plain, watched = Supernet(tiny_space()), Supernet(tiny_space())
    for _ in range(2):
        loss = weights_step(plain, example_B, label_B)
        measured, peak_bytes = measure(
            lambda: weights_step(watched, example_B, label_B), watched, (example_B, label_B)
        )
        assert torch.equal(loss, measured)
        assert peak_bytes > 0
    left, right = plain.state_dict(), watched.state_dict()
    assert all(torch.equal(left[name], right[name]) for name in left)


def test_a_measurement_sees_a_tensor_that_comes_and_goes() -> None:
    supernet = Supernet(tiny_space())
    _, idle_bytes = measure(lambda: None, supernet, batch())

    def step() -> None:
        torch.zeros(MIB)

    _, peak_bytes = measure(step, supernet, batch())
    assert peak_bytes == idle_bytes + 4 * MIB


def test_no_tracker_outlives_its_measurement() -> None:
    supernet = Supernet(tiny_space())
    measure(lambda: None, supernet, batch())
    gc.collect()
    assert not [thing for thing in gc.get_objects() if type(thing) is MemoryTracker]


def test_resident_memory_is_that_of_a_process_that_loaded_torch() -> None:
    assert 50 * MIB < peak_rss_bytes() < 2**40
