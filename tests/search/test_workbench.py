import pytest
import torch
from tests.tiny import quick_config, tiny_data, tiny_space

from radars.errors import BudgetError
from radars.memory import Levers, Planner, measure
from radars.search.setup import SearchSetup, training_spec
from radars.space import Architecture

SPACE = tiny_space()
LARGEST = Architecture(dict.fromkeys("abc", "mb2"))
ROOMY = Planner(SPACE, training_spec(quick_config(), (1, 8, 8)), 2**40)


def setup_of(budget: int) -> SearchSetup:
    return SearchSetup.of(quick_config(budget=budget), space=SPACE, data=tiny_data())


def test_only_paths_that_fit_are_drawn() -> None:
    budget = ROOMY.predict(LARGEST, Levers(recompute=True)).peak_bytes - 1
    setup = setup_of(budget)
    bench = setup.workbench()
    assert not bench.fits(LARGEST)
    controller = setup.state(bench).controller
    controller.learn({name: {"none": 0.0, "conv3": 0.0, "mb2": 4.0} for name in "abc"}, 1.0)
    for _ in range(10):
        architecture = bench.draw(controller).architecture
        assert bench.fits(architecture)
        plan = bench.planner.plan_path(architecture)
        assert plan.memory.peak_bytes <= budget


def test_where_nothing_that_is_wanted_fits_the_search_says_so() -> None:
    setup = setup_of(ROOMY.predict(ROOMY.smallest_path()).peak_bytes)
    bench = setup.workbench()
    controller = setup.state(bench).controller
    controller.prune(LARGEST.as_subspace())
    with pytest.raises(BudgetError, match="none fits"):
        bench.draw(controller)


@pytest.mark.parametrize("recompute", [False, True])
def test_a_path_is_trained_within_the_budget_and_metered(recompute: bool) -> None:
    plain, recomputed = (
        ROOMY.predict(LARGEST, Levers(recompute=lever)).peak_bytes for lever in (False, True)
    )
    setup = setup_of((plain + recomputed) // 2 if recompute else 2 * plain)
    bench = setup.workbench()
    supernet = setup.state(bench).supernet
    assert bench.levers(LARGEST) == Levers(recompute=recompute)
    for _ in range(3):
        loss = bench.train_path(supernet, LARGEST, bench.train_stream.next())
    assert torch.isfinite(loss)
    expected = recomputed if recompute else plain
    assert bench.meter.predicted_peak_bytes == expected
    assert bench.meter.measured_peak_bytes == pytest.approx(expected, rel=0.02)


def test_accuracy_is_a_fraction_of_the_whole_validation_part() -> None:
    setup = setup_of(2**24)
    bench = setup.workbench()
    supernet = setup.state(bench).supernet
    whole = bench.accuracy(supernet, LARGEST, 64)
    assert 0 <= whole <= 1
    assert (whole * len(bench.validation)) == pytest.approx(round(whole * len(bench.validation)))
    batch = next(bench.validation.evaluation_batches(64))
    assert int(bench.num_correct(supernet, LARGEST, batch)) == whole * 64


def test_telling_examples_apart_is_scored_with_less_memory_than_an_evaluation() -> None:
    bench = setup_of(2**30).workbench()
    child = setup_of(2**30).new_child(LARGEST)
    batch = bench.train_stream.next()
    _, score_bytes = measure(lambda: bench.regions(child, LARGEST, batch), child, batch)
    _, evaluation_bytes = measure(lambda: bench.num_correct(child, LARGEST, batch), child, batch)
    assert score_bytes <= evaluation_bytes
    small = Architecture(dict.fromkeys("abc", "none"))
    fewer = bench.regions(setup_of(2**30).new_child(small), small, batch)
    assert bench.regions(child, LARGEST, batch) > fewer  # more ReLUs tell more apart
