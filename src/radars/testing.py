"""What a method, a ranker and a cost promise, for the tests of whoever adds one.

    from radars.testing import check_method

    def test_my_method():
        check_method("my-method")

Each runs short searches on a tiny space with a planted optimum, within a minute. radars' own are
checked by the same functions.
"""

import dataclasses
import math
from collections.abc import Iterable
from contextlib import suppress
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor, nn

from radars.data import Data, SealedSplit, Split, tensor_data
from radars.engine.context import SearchContext
from radars.engine.given import Given
from radars.engine.methods.radars import Radars
from radars.engine.problem import SearchProblem
from radars.engine.rankers.ranker_tables import ranker_tables
from radars.engine.run import run_search
from radars.engine.search_config import SearchConfig
from radars.engine.search_result import SearchResult
from radars.errors import Stopped, StopSearch
from radars.registries import COSTS, RANKERS
from radars.runs.event_schema import Event, ProgressEvent
from radars.runs.read_run import read_checkpoint
from radars.runs.state import State, split_state
from radars.space import Architecture, Choose, SearchSpace

BEST = Architecture(dict.fromkeys(("a", "b", "c"), "conv"))
"""The architecture that is best on `planted_data`: the labels need every convolution."""


def final_state(run: Path) -> tuple[dict[str, Tensor], State]:
    """The tensors and the values of the last checkpoint of a run, without what the clock decides.

    They are the same after a kill and a resume, whatever the moment.
    """
    checkpoint = read_checkpoint(run)
    assert checkpoint is not None
    tensors, values = split_state(checkpoint.state)
    for name in ("seconds", "began", "num_saves"):
        del values["position"][name]
    if "explored" in values["method"]:
        rounds = values["method"]["explored"]
        values["method"]["explored"] = [steps for _seconds, steps in rounds]
    if halving := values["method"].get("halving"):
        for name in ("seconds", "step_seconds", "child_began"):
            del halving[name]
    return tensors, values


def planted_space() -> SearchSpace:
    """27 networks for signals (3, 16): each choice sees a channel, by a convolution or not."""
    return SearchSpace(_Planted, name="planted", input_shape=(3, 16))


def planted_data() -> Data:
    """Signals (3, 16) whose label has a bit a channel; a search that opens the test split fails."""
    generator = torch.Generator().manual_seed(0)
    bit_NC = torch.randint(2, (1024, 3), generator=generator)
    period_NC1 = (2 + 2 * bit_NC)[..., None]
    phase_NC1 = torch.randint(4, (1024, 3, 1), generator=generator)
    wave_NCL = ((torch.arange(16) + phase_NC1) % period_NC1 < period_NC1 // 2).float()
    noise_NCL = 0.5 * torch.randn(wave_NCL.shape, generator=generator)
    label_N = (bit_NC * 2 ** torch.arange(3)).sum(1)
    data = tensor_data(wave_NCL + noise_NCL, label_N, name="planted")
    return dataclasses.replace(data, test=SealedSplit(_test_is_opened))


def planted_config(method: str = "radars", **changes: Any) -> SearchConfig:
    """Settings with which every method of radars finds the planted optimum in seconds."""
    fast = {"learning_rate": 0.1}
    settings: dict[str, Any] = {
        "method": method,
        "budget": "64MiB",
        "seed": 1,
        "num_threads": 1,
        "loggers": (),
        "data": {"batch_size": 32, "augment": False},
        "optimizer": fast,
        "num_rounds": 1,
        "explore": {"steps": 160, "ranker_draws": 8},
        "differentiate": {"steps": 30},
        "select": {"finalists": 4, "halving_steps": (30,), "optimizer": fast},
        "enas": {"updates": {"warmup_fraction": 0.5, "update_every": 2, "samples": 6}},
        "children": {"number": 120, "steps": 40, "optimizer": fast},
        "dnas": {"steps": 150, "partial_channels": 2},
    }
    return SearchConfig(**settings | changes)


def check_method(name: str, *, finds_the_best: bool = True, **settings: Any) -> None:
    """Checks what every search method promises.

    The same seed gives the same result; it goes on after a stop as if nothing had been; no step
    exceeds the budget; constraints hold; the test split is not read; it finds what is planted.

    Args:
        name: a registered method.
        finds_the_best: whether the best architecture must be found, in `planted_config`.
        settings: that differ from those of `planted_config`.

    Raises:
        AssertionError: a promise is broken; says which.
    """
    config = planted_config(name, **settings)
    with TemporaryDirectory(prefix="radars-") as folder:
        first = _search(config, Path(folder, "whole"))
        second = search_in_parts(config, _given(), Path(folder, "parts"), (1, 3, 9))
    assert first.status == "completed", f"it ended with {first.status}"
    assert _same(first, second), "a search that was stopped and resumed found something else"
    assert 0 < first.measured_peak_bytes <= first.budget_bytes, "a step exceeded the budget"
    assert first.measured_peak_bytes <= 1.02 * first.predicted_peak_bytes, (
        "a step held more than was predicted: run steps by context.trainer"
    )
    if finds_the_best:
        assert first.architecture == BEST, f"it found {dict(first.architecture)}, not the best"
    _check_constraint(config, "macs")


def check_ranker(name: str) -> None:
    """Checks what every ranker promises: numbers, the same for the same, larger where better.

    Raises:
        AssertionError: a promise is broken; says which.
    """
    assert name in RANKERS, f"there is no ranker {name!r}: register it"
    config = planted_config(explore={"steps": 40, "rankers": (name,)})
    table = _ranker_table(config)
    values = [value for of_choice in table.values() for value in of_choice.values()]
    assert all(math.isfinite(value) for value in values), f"it says what is no number: {table}"
    assert table == _ranker_table(config), "the same networks were ranked otherwise"
    # 0 is the mean of a choice
    best = sum(table[choice][taken] for choice, taken in BEST.items())
    assert best > 0, f"it prefers others to the best architecture: {table}"
    result = run_search(config, _given())
    assert result.status == "completed", f"a search that asks it ended with {result.status}"


def _ranker_table(config: SearchConfig) -> dict[str, dict[str, float]]:
    """What the only ranker of a configuration says of each candidate."""
    context = SearchContext.of(SearchProblem.of(config, _given()))
    policy = Radars.new_policy(context.problem.proxy.full, config)
    (table,) = ranker_tables(context, policy, lambda: None).values()
    return {choice: dict(values) for choice, values in table.items()}


def check_cost(name: str) -> None:
    """Checks what every cost promises: a constraint on it holds, and it is told in the result.

    Raises:
        AssertionError: a promise is broken; says which.
    """
    assert name in COSTS, f"there is no cost {name!r}: register it"
    _check_constraint(planted_config("random", children={"number": 4, "steps": 1}), name)


def _check_constraint(config: SearchConfig, cost: str) -> None:
    """A bound between the least and the most of a cost is not exceeded."""
    metric = SearchProblem.of(
        SearchConfig(**{**dict(config), "pareto": ("accuracy", cost)}), _given()
    ).costs.metric(cost)
    known = [metric.of(dict(zip("abc", names, strict=True))) for names in product(_NAMES, repeat=3)]
    assert min(known) < max(known), f"every architecture has the same {cost}"
    limit = (min(known) + max(known)) / 2
    result = run_search(
        SearchConfig(**{**dict(config), "constraints": [f"{cost}<={limit!r}"]}), _given()
    )
    assert result.status == "completed", f"with a bound it ended with {result.status}"
    assert metric.holds(result.architecture, limit), f"{cost} is more than its bound of {limit}"


def _search(config: SearchConfig, out: Path) -> SearchResult:
    return run_search(config, _given(), out=out)


def search_in_parts(
    config: SearchConfig, given: Given, out: Path, stops: Iterable[int]
) -> SearchResult:
    """A search that is stopped some times on its way, and resumed.

    Args:
        config: how to search.
        given: objects that are used instead of what it names.
        out: the run directory.
        stops: after so many progress events each sitting ends but the last.
    """
    for stop_after in stops:
        num_seen = 0

        def stop(event: Event, stop_after: int = stop_after) -> None:
            nonlocal num_seen
            num_seen += isinstance(event, ProgressEvent)
            if num_seen == stop_after:
                raise StopSearch

        is_begun = (out / "config.yaml").is_file()
        with suppress(Stopped):
            return run_search(config, given, out=out, resume=is_begun, on_event=stop)
    is_begun = (out / "config.yaml").is_file()
    return run_search(config, given, out=out, resume=is_begun)


def _same(first: SearchResult, second: SearchResult) -> bool:
    """Whether two searches ended with the same, but for what the machine decides."""
    return dataclasses.replace(first, search_seconds=0.0, peak_rss_bytes=0) == (
        dataclasses.replace(second, search_seconds=0.0, peak_rss_bytes=0)
    )


def _given() -> Given:
    return Given(space=planted_space(), data=planted_data())


_NAMES = ("skip", "blur", "conv")


class _Planted(nn.Module):
    """One choice sees one channel, and passes on what a linear layer can use, or not."""

    def __init__(self, choose: Choose) -> None:
        super().__init__()
        self.parts = nn.ModuleList(
            choose(
                name,
                {
                    "skip": nn.Identity,
                    "blur": lambda: nn.AvgPool1d(3, stride=1, padding=1),
                    "conv": lambda: nn.Sequential(
                        nn.Conv1d(4, 4, 5, padding=2), nn.BatchNorm1d(4), nn.ReLU()
                    ),
                },
            )
            for name in "abc"
        )
        self.output = nn.Linear(12, 8)

    def forward(self, signal_B3L: Tensor) -> Tensor:
        """Signals (B, 3, L) to scores (B, 8)."""
        channels = [
            part(signal_B3L[:, index : index + 1].expand(-1, 4, -1)).mean(-1)
            for index, part in enumerate(self.parts)
        ]
        output_B8: Tensor = self.output(torch.cat(channels, 1))
        return output_B8


def _test_is_opened() -> Split:
    raise AssertionError("a search opened the test split")
