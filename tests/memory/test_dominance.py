from itertools import product

import pytest
import torch
from tests.tiny import tiny_space, wide_space

from radars.memory import MemorySavings, Planner, TrainingSpec, saving_settings
from radars.memory.dominance import dominating
from radars.memory.prices import Price
from radars.space import Architecture, SearchSpace
from radars.zoo import load_space

SPEC = TrainingSpec((1, 8, 8), 32)
SETTINGS = tuple(saving_settings(recompute=True, max_micro_batches=1, batch_size=32))


def test_it_takes_what_adds_most_and_says_what_others_may_hold_beyond() -> None:
    places = (
        ("a", {"many": Price(resident=10, saved=100), "wide": Price(saved=20, working=80)}),
        ("b", {"one": Price(saved=5), "two": Price(saved=7)}),
    )
    dearest = dominating(places, MemorySavings(), {})
    assert dearest.path == Architecture({"a": "many", "b": "two"})
    assert dearest.beyond_bytes == 80
    extra = {"a/wide": Price(saved=500)}
    dearest = dominating(places, MemorySavings(), extra)
    assert dearest.path["a"] == "wide"
    assert dearest.beyond_bytes == 10


@pytest.mark.parametrize("space", [tiny_space(), wide_space()], ids=lambda space: space.name)
def test_every_path_fits_with_what_the_dearest_fits_with(space: SearchSpace) -> None:
    roomy = Planner(space, SPEC, 2**40, settings=SETTINGS)
    paths = [
        Architecture(dict(zip(space.full, names, strict=True)))
        for names in product(*space.full.values())
    ][::4]
    plain_bytes = roomy.predict(roomy.largest_path()).peak_bytes
    planner = Planner(space, SPEC, int(0.6 * plain_bytes), settings=SETTINGS)
    cover = planner.cover(paths[0])
    assert cover is not None
    assert cover.savings.names
    held = [planner.predict(path, cover.savings).peak_bytes for path in paths]
    assert max(held) <= cover.peak_bytes <= planner.budget_bytes


def test_where_not_all_paths_fit_many_do_by_one_trace() -> None:
    space, draws = load_space("digits"), torch.Generator().manual_seed(0)
    paths = [space.random_architecture(draws) for _ in range(12)]
    roomy = Planner(space, SPEC, 2**40, settings=SETTINGS)
    least = {path: roomy.least_bytes(path) for path in paths}
    budget_bytes = sorted(least.values())[-2]
    planner = Planner(space, SPEC, budget_bytes, settings=SETTINGS)
    covers = {path: planner.cover(path) for path in paths}
    for path, cover in covers.items():
        assert (cover is not None) == (least[path] <= budget_bytes)
        if cover is not None:
            assert cover.savings == SETTINGS[-1]
            assert cover.subspace.allows(path)
            assert least[path] <= cover.peak_bytes <= budget_bytes
    subspaces = {cover.subspace for cover in covers.values() if cover is not None}
    assert len(subspaces) < len(paths) / 2
    # and they fit with the same, whatever was asked for before
    again = Planner(space, SPEC, budget_bytes, settings=SETTINGS)
    for path in reversed(paths):
        assert (again.cover(path) is None) == (covers[path] is None)


def test_where_no_path_fits_there_is_none() -> None:
    roomy = Planner(tiny_space(), SPEC, 2**40, settings=SETTINGS)
    path = roomy.largest_path()
    least_bytes = roomy.least_bytes(path)
    planner = Planner(tiny_space(), SPEC, least_bytes - 1, settings=SETTINGS)
    assert planner.cover(path) is None
