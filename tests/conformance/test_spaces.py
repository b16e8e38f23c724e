"""What every space of cells, blocks and layers must pass: a search of it, stopped and resumed."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.tiny import (
    InterruptAt,
    assert_same_tensors,
    final_checkpoint,
    quick_config,
    tiny_data,
)

from radars.errors import Stopped
from radars.memory import Levers
from radars.search import SearchConfig, SearchResult, run_search
from radars.search.setup import SearchSetup
from radars.space import SearchSpace
from radars.spaces.darts import darts, darts_rules, genotype_of
from radars.spaces.resnet import resnet
from radars.spaces.vit import vit

TINY: dict[str, Any] = {"num_classes": 4, "in_channels": 1}
DATA = tiny_data()
SPACES = {
    "darts": SearchSpace(
        partial(darts, width=4, num_cells=3, **TINY), name="darts", rules=darts_rules()
    ),
    "resnet": SearchSpace(partial(resnet, width=8, blocks_per_stage=1, **TINY), name="resnet"),
    "vit": SearchSpace(partial(vit, width=8, depth=1, patch_size=2, **TINY), name="vit"),
}


def config_of(space: SearchSpace, method: str) -> SearchConfig:
    """A short search that has to recompute or prune: half of what the plain supernet needs."""
    config = quick_config(
        method,
        num_rounds=1,
        explore={"steps": 4, "update_every": 2, "samples": 2},
        differentiate={"steps": 2},
        select={"draws": 2, "draw_batches": 1, "candidates": 2, "rungs": [2]},
        dnas={"steps": 3, "partial_channels": 2},
    )
    planner = SearchSetup.of(config, space=space, data=DATA).planner
    whole = planner.predict(space.full, Levers(recompute=True)).peak_bytes
    budget = planner.full_supernet_bytes if method == "pcdarts" else whole
    return config.model_copy(update={"budget": budget})


def check_memory(result: SearchResult) -> None:
    assert 0 < result.measured_peak_bytes <= result.budget_bytes
    assert result.measured_peak_bytes == pytest.approx(result.predicted_peak_bytes, rel=0.02)


@pytest.mark.parametrize("name", SPACES)
def test_a_search_keeps_its_budget_and_goes_on_where_it_was_stopped(
    name: str, tmp_path: Path
) -> None:
    space = SPACES[name]
    config = config_of(space, "radars")
    whole = run_search(config, space=space, data=DATA, out=tmp_path / "whole")
    check_memory(whole)
    space.build(whole.architecture)
    parts, progress = tmp_path / "parts", InterruptAt(3, 6)
    for sitting in range(3):
        try:
            result = run_search(
                config, space=space, data=DATA, out=parts, resume=sitting > 0, progress=progress
            )
        except Stopped:
            assert sitting < 2
    assert len(progress.interrupted) == 2
    assert result.architecture == whole.architecture
    expected, found = final_checkpoint(tmp_path / "whole"), final_checkpoint(parts)
    assert found[1] == expected[1]
    assert_same_tensors(found[0], expected[0])


@pytest.mark.parametrize("method", ["pcdarts", "evolution"])
def test_methods_of_all_kinds_find_a_genotype_with_two_inputs_a_node(method: str) -> None:
    space = SPACES["darts"]
    config = config_of(space, method).model_copy(update={"children": CHILDREN})
    result = run_search(config, space=space, data=DATA)
    check_memory(result)
    genotype = genotype_of(result.architecture)
    assert len(genotype.normal) == len(genotype.reduce) == 8


CHILDREN = quick_config(children={"number": 6, "steps": 1}).children
