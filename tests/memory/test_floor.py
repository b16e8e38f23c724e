import pytest
import torch
from tests.tiny import MIB, quick_config, tiny_space

from radars.engine.problem import new_planner
from radars.errors import BudgetError
from radars.memory.floor import expected_floor_bytes, measured_floor_bytes


def test_the_cpu_holds_nothing_by_itself() -> None:
    assert expected_floor_bytes("cpu") == measured_floor_bytes(torch.device("cpu")) == 0


@pytest.mark.parametrize(
    ("capability", "mebibytes"), [(7.5, 16.25), (8.6, 16.25), (9.0, 64), (12.0, 64)]
)
def test_the_floor_of_a_gpu_that_is_not_here_goes_by_its_architecture(
    capability: float, mebibytes: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    assert expected_floor_bytes("cuda", capability) == mebibytes * MIB


def test_what_is_set_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:2:16:8")
    assert expected_floor_bytes("cuda", 9.0) == expected_floor_bytes("cuda", 7.5) == 2 * 8_519_680
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")
    assert expected_floor_bytes("cuda") == 2 * 128 * 1024


def test_the_floor_is_in_predictions_and_in_refusals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    here = new_planner(tiny_space(), quick_config(), (1, 8, 8))
    config = quick_config(device="cuda", compute_capability=9.0, budget=32 * MIB)
    planner = new_planner(tiny_space(), config, (1, 8, 8))
    smallest = planner.smallest_path()
    memory = planner.predict(smallest)
    assert memory.breakdown.workspaces == 64 * MIB
    assert memory.breakdown.total == memory.peak_bytes
    on_cpu = here.predict(smallest).peak_bytes
    assert on_cpu <= memory.peak_bytes - 64 * MIB <= on_cpu + 512 * 200  # rounded up
    with pytest.raises(BudgetError, match=r"64\.0 MiB by themselves.*or take the CPU"):
        planner.plan_path(smallest)
