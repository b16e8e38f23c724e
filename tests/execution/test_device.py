from types import SimpleNamespace

import pytest
import torch

from radars.errors import ConfigError
from radars.execution.device import capped, device_of, reproducible

CPU = torch.device("cpu")


def test_auto_is_the_gpu_where_there_is_one() -> None:
    assert device_of("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert device_of("cpu") == CPU


def test_a_device_that_is_not_there_is_one_line() -> None:
    with pytest.raises(ConfigError, match="'cuda:99'") as caught:
        device_of("cuda:99")
    assert "\n" not in str(caught.value)


def test_global_randomness_is_put_back() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    cudnn = torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark
    with reproducible(CPU):
        torch.manual_seed(2)
        assert torch.backends.cudnn.deterministic
    assert torch.equal(torch.get_rng_state(), before)
    assert (torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark) == cudnn


def test_the_cuda_allocator_is_capped_for_as_long_as_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    set_to: list[tuple[float, torch.device]] = []
    properties = SimpleNamespace(total_memory=16 * 2**30)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: properties)
    monkeypatch.setattr(
        torch.cuda, "set_per_process_memory_fraction", lambda *given: set_to.append(given)
    )
    device = torch.device("cuda", 1)
    with capped(device, 4 * 2**30):
        assert set_to == [(0.25, device)]
    assert set_to[1:] == [(1.0, device)]
    with capped(device, 2**50):
        assert set_to[2:] == [(1.0, device)]
    set_to.clear()
    with capped(device, None), capped(CPU, None):
        assert set_to == []


def test_a_cap_on_the_cpu_is_the_operating_systems() -> None:
    with pytest.raises(ConfigError, match="ulimit -d"), capped(CPU, 2**30):
        raise AssertionError
