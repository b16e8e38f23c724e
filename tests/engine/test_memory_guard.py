from typing import Any

import pytest
from tests.tiny import quick_config, tiny_data, tiny_space

from radars.engine.context import SearchContext
from radars.engine.given import Given
from radars.engine.problem import SearchProblem
from radars.errors import BudgetError
from radars.memory import MemorySavings, StepMemory, predict
from radars.space import Architecture, SearchSpace, Subspace

SPACE = tiny_space()
LARGEST = Architecture(dict.fromkeys("abc", "mb2"))


def test_a_path_that_is_far_from_fitting_is_not_traced(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = SearchProblem.of(
        quick_config(data={"batch_size": 32}), Given(space=SPACE, data=tiny_data())
    )
    planner = problem.planner
    largest = LARGEST.as_subspace()
    planner.tighten(int(planner.expected_bytes(largest, MemorySavings(recompute=1.0)) / 1.6))
    traced: list[Subspace] = []

    def traces(space: SearchSpace, subspace: Subspace, *rest: Any, **options: Any) -> StepMemory:
        traced.append(subspace)
        return predict(space, subspace, *rest, **options)

    monkeypatch.setattr("radars.memory.traces.predict", traces)
    assert not SearchContext.of(problem).guard.fits(LARGEST)
    assert largest not in traced


def test_what_needs_savings_to_fit_is_given_those_that_it_needs() -> None:
    problem = SearchProblem.of(quick_config(), Given(space=SPACE, data=tiny_data()))
    guard = SearchContext.of(problem).guard
    assert guard.fits(LARGEST)
    assert guard.savings(LARGEST) == MemorySavings()
    plain = problem.planner.predict(LARGEST).peak_bytes
    problem.planner.tighten(plain - 1)
    assert guard.fits(LARGEST)
    savings = guard.savings(LARGEST)
    assert savings == guard.evaluation_savings(LARGEST) != MemorySavings()
    assert problem.planner.predict(LARGEST, savings).peak_bytes < plain


def test_what_never_fits_can_be_evaluated_all_the_same() -> None:
    problem = SearchProblem.of(quick_config(), Given(space=SPACE, data=tiny_data()))
    problem.planner.tighten(1)
    guard = SearchContext.of(problem).guard
    assert not guard.fits(LARGEST)
    with pytest.raises(BudgetError):
        guard.savings(LARGEST)
    assert guard.evaluation_savings(LARGEST) == MemorySavings()
