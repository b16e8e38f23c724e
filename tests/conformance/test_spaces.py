"""What every space of cells, blocks and layers must pass: a search of it, within its budget."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.tiny import MIB, cell_space, quick_config, tiny_data

from radars.engine import SearchConfig, SearchResult
from radars.engine.given import Given
from radars.engine.run import run_search
from radars.nn.supernet import Supernet
from radars.registries import METHODS
from radars.runs.events import read_events
from radars.space import Architecture, SearchSpace, Subspace
from radars.zoo.resnet import resnet
from radars.zoo.vit import vit

CELL = cell_space()
TINY: dict[str, Any] = {"num_classes": 4, "in_channels": 1}
DATA = tiny_data()
SPACES = {
    "cell": CELL,  # as darts, of which every trace takes long
    "resnet": SearchSpace(partial(resnet, width=8, blocks_per_stage=1, **TINY), name="resnet"),
    "vit": SearchSpace(partial(vit, width=8, depth=1, patch_size=2, **TINY), name="vit"),
}


METHOD = {"cell": "radars", "resnet": "gdas", "vit": "radars"}
BUDGETS = {"cell": 90_000, "resnet": 2 * MIB, "vit": 500_000}  # too little for the supernet as is


def config_of(name: str) -> SearchConfig:
    """A short search that has to recompute or prune."""
    return quick_config(
        METHOD[name],
        budget=BUDGETS[name],
        num_rounds=1,
        explore={"steps": 4, "tuning_steps": 1, "reward_batches": 1, "ranker_draws": 2},
        differentiate={"steps": 2},
        dnas={"steps": 8},
        select={"finalists": 2, "halving_steps": [2]},
    )


def check_memory(result: SearchResult) -> None:
    assert 0 < result.measured_peak_bytes <= result.budget_bytes
    assert result.measured_peak_bytes == pytest.approx(result.predicted_peak_bytes, rel=0.02)


@pytest.mark.parametrize("name", SPACES)
def test_a_search_keeps_its_budget(name: str, tmp_path: Path) -> None:
    space = SPACES[name]
    config = config_of(name)
    result = run_search(config, Given(space=space, data=DATA), out=tmp_path / "run")
    check_memory(result)
    space.build(result.architecture)
    events = read_events(tmp_path / "run" / "events.jsonl")
    plans = [event["savings"] for event in events if event["event"] == "planned"]
    assert all(plans)
    assert len(plans) == (config.method == "radars")


@pytest.mark.parametrize("method", sorted(METHODS.names()))
def test_every_method_keeps_the_rules_of_a_space(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths: list[Architecture] = []
    activate = Supernet.activate

    def spy(supernet: Supernet, subspace: Subspace | Architecture) -> None:
        if isinstance(subspace, Architecture):
            paths.append(subspace)
        activate(supernet, subspace)

    monkeypatch.setattr(Supernet, "activate", spy)
    config = quick_config(
        method, num_rounds=1, children={"number": 8, "steps": 1}, dnas={"steps": 8}
    )
    result = run_search(config, Given(space=CELL, data=DATA))
    check_memory(result)
    assert all(map(CELL.rules[0].allows, {*paths, result.architecture}))
    if method not in ("darts", "fbnet", "pcdarts", "largest"):  # all until they end, or one path
        kept = {frozenset(c for c in path if path[c] != "none") for path in paths}
        assert len(kept) > 2
