"""Whole searches of a space with a candidate that holds more than any trace says."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.tiny import InterruptAt, candidates, outcome, quick_config, tiny_data
from torch import Tensor, nn

from radars._torch_internals import FakeTensor
from radars.engine.given import Given
from radars.engine.memory_guard import MemoryGuard
from radars.engine.memory_meter import Excess, GuardedStep
from radars.engine.run import run_search
from radars.errors import BudgetError, Stopped
from radars.nn.operations import classifier, conv_bn_relu
from radars.reporting.facts import notice
from radars.reporting.record import RunRecord, read_directory
from radars.runs.event_schema import Event, MemoryExceededEvent
from radars.runs.read_run import read_result
from radars.space import Choose, SearchSpace

_HIDDEN = 40_000  # numbers
_BUDGET = 200_000  # the largest path is predicted to need less, and holds more


class _Keeper(torch.autograd.Function):
    """Keeps what only a real kernel makes."""

    @staticmethod
    def forward(ctx: object, image: Tensor) -> Tensor:
        num_hidden = 0 if isinstance(image, FakeTensor) else _HIDDEN
        ctx.save_for_backward(torch.empty(num_hidden))  # type: ignore[attr-defined]
        return image * 1.0

    @staticmethod
    def backward(ctx: object, *gradients: Tensor) -> Tensor:
        return gradients[0]


class Hidden(nn.Module):
    def forward(self, image: Tensor) -> Tensor:
        return _Keeper.apply(image)  # type: ignore[no-any-return]


def network(choose: Choose) -> nn.Module:
    blocks = candidates(4) | {"hidden": Hidden}
    return nn.Sequential(
        conv_bn_relu(1, 4), choose("a", blocks), choose("b", blocks), classifier(4, 4)
    )


def only_hidden(choose: Choose) -> nn.Module:
    return nn.Sequential(
        conv_bn_relu(1, 4),
        choose("a", {"hidden": Hidden, "too": lambda: nn.Sequential(Hidden())}),
        classifier(4, 4),
    )


def space(function: object = network) -> SearchSpace:
    return SearchSpace(function, name="held", input_shape=(1, 8, 8))  # type: ignore[arg-type]


def test_a_step_over_the_budget_is_said_and_no_other_follows(tmp_path: Path) -> None:
    events: list[Event] = []
    result = run_search(
        quick_config(budget=_BUDGET),
        Given(space=space(), data=tiny_data()),
        out=tmp_path / "run",
        on_event=events.append,
    )
    said = [event for event in events if isinstance(event, MemoryExceededEvent)]
    assert said
    assert len(said) <= 4  # of two places: each alone, both, and both in a supernet
    for event in said:
        assert event.predicted_bytes <= _BUDGET
        assert event.measured_bytes > event.predicted_bytes
    assert result.status == "completed"
    assert result.largest_excess_bytes >= 0.9 * 4 * _HIDDEN
    assert "more than predicted" in result.summary()
    record = read_directory(tmp_path / "run")
    assert isinstance(record, RunRecord)
    assert "more than was predicted" in str(notice(record))
    # what holds more than the budget is not trained again
    assert "hidden" not in result.architecture.values()


def test_what_a_search_learned_of_memory_is_known_to_the_one_that_goes_on(tmp_path: Path) -> None:
    config = quick_config(budget=_BUDGET)
    given = Given(space=space(), data=tiny_data())
    run_search(config, given, out=tmp_path / "whole")
    with pytest.raises(Stopped):
        run_search(config, given, out=tmp_path / "cut", progress=InterruptAt(30))
    run_search(config, given, out=tmp_path / "cut", resume=True)
    assert outcome(tmp_path / "cut") == outcome(tmp_path / "whole")


def test_where_nothing_fits_that_is_measured_a_search_ends_with_a_line(tmp_path: Path) -> None:
    with pytest.raises(BudgetError, match="budget"):
        run_search(
            quick_config(budget=100_000),
            Given(space=space(only_hidden), data=tiny_data()),
            out=tmp_path / "run",
        )
    result = read_result(tmp_path / "run")
    assert result is not None
    assert result["status"] == "exceeded_memory"
    assert result["largest_excess_bytes"] > 0


def test_a_planted_step_over_its_budget_is_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Excess] = []
    heed = MemoryGuard.run

    def run(guard: MemoryGuard, step: GuardedStep[object], *rest: object) -> object:
        guard.on_excess = told.append
        hold = [torch.empty(0)]

        def larger() -> object:
            hold[0] = torch.empty(10**6 if not told else 0)
            return step.run()

        return heed(guard, replace(step, run=larger), *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(MemoryGuard, "run", run)
    given = Given(space=SearchSpace(network, name="n", input_shape=(1, 8, 8)), data=tiny_data())
    result = run_search(quick_config(), given)
    assert [excess.measured_bytes > 4 * 10**6 for excess in told] == [True]
    assert result.largest_excess_bytes == told[0].num_bytes
