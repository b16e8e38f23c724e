"""Every search method takes hard bounds, soft targets and a front in the same way."""

from collections.abc import Sequence
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from tests.tiny import InterruptAt, quick_config, tiny_data, tiny_space
from torch import nn

from radars.cost import CostTable, LatencySpec, SoftTarget, latency
from radars.engine import SearchConfig, SearchResult
from radars.engine.given import Given
from radars.engine.run import run_search
from radars.errors import ConfigError, Stopped
from radars.memory import inference_memory
from radars.registries import METHODS
from radars.runs.read_run import read_front, read_result
from radars.space import Architecture

SPACE, SHAPE = tiny_space(), (1, 8, 8)
TABLE = CostTable.of(SPACE)
MEMORY = inference_memory(SPACE, SHAPE)
CHEAPEST = Architecture(dict.fromkeys("abc", "none"))
SETTINGS: dict[str, Any] = {
    "num_rounds": 1,
    "checkpoint_seconds": 1e9,
    "children": {"number": 8, "steps": 2},
    "enas": {"finalists": 8},
    "zero_cost": {"number": 8},
    "dnas": {"steps": 12, "partial_channels": 2},
}


def search(config: SearchConfig, **options: Any) -> SearchResult:
    return run_search(config, Given(space=SPACE, data=tiny_data()), **options)


def slow_networks(module: nn.Module, shapes: Sequence[Sequence[int]], spec: LatencySpec) -> float:
    """A millisecond for each convolution; whole networks are slower than their parts by a half."""
    num_layers = sum(isinstance(part, nn.Conv2d) for part in module.modules())
    return 1.5 * num_layers if tuple(shapes[0][1:]) == SHAPE else float(num_layers)


@cache
def held_bytes() -> float:
    """What an architecture may hold: not that of every block."""
    return MEMORY.of({**CHEAPEST, "c": "mb2"})


def bounded_config(method: str) -> SearchConfig:
    return quick_config(
        method,
        constraints=["latency_ms<=8", f"memory<={held_bytes():.0f}"],
        objectives=[SoftTarget(cost="parameters", target=500.0)],
        pareto=["accuracy", "macs", "latency_ms"],
        **SETTINGS,
    )


@pytest.mark.parametrize("method", sorted(METHODS.names()))
def test_bounds_hold_for_whole_networks_and_a_front_is_kept(
    method: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(latency, "measure_ms", slow_networks)
    result = search(bounded_config(method), out=tmp_path / "whole")
    measured, traced = result.costs["latency_ms"]["whole"], result.costs["memory"]["whole"]
    network = SPACE.build(result.architecture)
    assert measured == slow_networks(network, [(1, *SHAPE)], LatencySpec())
    assert 1.05 * measured <= 8
    assert traced == MEMORY.of(result.architecture)
    assert traced <= held_bytes()
    stored = read_result(tmp_path / "whole")
    assert stored is not None
    assert stored["costs"] == result.costs

    front = read_front(tmp_path / "whole")
    assert front is not None
    assert front["estimated"] == ["latency_ms"]
    points = {Architecture(point["architecture"]): point for point in front["points"]}
    assert points[result.architecture]["accuracy"] == result.validation_accuracy
    assert any(point["on_front"] for point in front["points"])
    for architecture, point in points.items():
        assert point["macs"] == TABLE.cost(architecture).macs
        assert point["latency_ms"] <= 8


def test_a_front_goes_on_where_it_was_stopped_and_nothing_is_measured_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(latency, "measure_ms", slow_networks)
    config = bounded_config("radars")
    result = search(config, out=tmp_path / "whole")
    with pytest.raises(Stopped):
        search(config, out=tmp_path / "parts", progress=InterruptAt(5))
    monkeypatch.delattr("radars.cost.latency.measured_rows")  # candidates are not measured again
    again = search(config, out=tmp_path / "parts", resume=True)
    assert again.architecture == result.architecture
    front = read_front(tmp_path / "whole")
    assert front is not None
    assert read_front(tmp_path / "parts") == front


@pytest.mark.parametrize("method", sorted({*METHODS.names()} - {"largest"}))  # it searches nothing
def test_a_soft_target_that_is_strong_is_met(method: str) -> None:
    target = SoftTarget(cost="macs", target=float(TABLE.cost(CHEAPEST).macs), exponent=-10.0)
    fast = {"name": "adamw", "learning_rate": 0.5}
    settings = SETTINGS | {
        "explore": {"steps": 40, "tuning_steps": 1, "reward_batches": 1, "rankers": []},
        "differentiate": {"steps": 8, "architecture_optimizer": fast},
        "select": {"finalists": 3, "halving_steps": [2]},
        "children": {"number": 16, "steps": 1, "check_fraction": 0},
        "reinforce": {"controller": {"learning_rate": 0.1}},
        "enas": {
            "finalists": 20, "controller": {"learning_rate": 0.1},
            "updates": {"update_every": 2, "samples": 4},
        },
        "spos": {"population": 8, "generations": 4},
        "asha": {"eta": 2, "minimum_steps": 1},
        "zero_cost": {"number": 16, "finalists": 16},
        "dnas": {"steps": 24, "warmup_fraction": 0.1, "partial_channels": 2},
    }  # fmt: skip
    macs = search(quick_config(method, objectives=[target], **settings)).macs
    # some return the cheapest of what they happened to draw
    drawn = ("random", "reinforce", "enas", "asha", "zero_cost")
    every = sorted(
        TABLE.cost(dict(zip("abc", names, strict=True))).macs
        for names in product(*SPACE.full.values())
    )
    assert macs <= every[3 if method in drawn else 1]


def test_a_bound_that_nothing_satisfies_is_refused_before_anything_is_written(
    tmp_path: Path,
) -> None:
    with pytest.raises(ConfigError, match=r"the least is .* bytes; loosen it"):
        search(quick_config(constraints=["memory<=1KiB"]), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
