from collections.abc import Collection
from statistics import fmean
from typing import Any
from unittest.mock import Mock, patch

import pytest
import torch
from tests.tiny import quick_config, tiny_data, tiny_space
from torch import Tensor

from radars.engine.context import SearchContext
from radars.engine.given import Given
from radars.engine.problem import SearchProblem
from radars.engine.rankers import zero_cost_scores as module
from radars.engine.rankers.ranker import Look, Ranker
from radars.engine.rankers.zero_cost.expressivity import Expressivity
from radars.engine.rankers.zero_cost.regions import Regions
from radars.engine.rankers.zero_cost_scores import zero_cost_scores
from radars.errors import RunError
from radars.memory import measure
from radars.nn.supernet import Supernet
from radars.nn.zero_cost_step import zero_cost_step
from radars.registries import RANKERS
from radars.space import Architecture

NAMES = ("regions", "expressivity", "size")

PROBLEM = SearchProblem.of(quick_config(), Given(space=tiny_space(), data=tiny_data()))
LARGEST = Architecture(dict.fromkeys("abc", "mb2"))
DEEP = Architecture(dict.fromkeys("abc", "conv3"))
SHALLOW = Architecture({"a": "none", "b": "none", "c": "conv3"})
NOTHING = Mock(spec=Look)  # those here ask for none of it


def look_at(context: SearchContext, architecture: Architecture, num_draws: int) -> dict[str, float]:
    return zero_cost_scores(context, NAMES, architecture, num_draws)


def test_it_takes_less_memory_than_an_evaluation() -> None:
    context = SearchContext.of(PROBLEM)
    child, batch = context.networks.new_child(LARGEST), context.train_stream.next()

    def evaluate() -> list[Tensor]:
        return context.evaluator.total_scores(context.networks.new_child(LARGEST), [LARGEST], batch)

    _, look_bytes = measure(lambda: look_at(context, LARGEST, 1), child, batch)
    _, evaluation_bytes = measure(evaluate, child, batch)
    assert look_bytes <= evaluation_bytes


def test_a_larger_network_tells_more_apart_and_uses_more_channels() -> None:
    context = SearchContext.of(PROBLEM)
    small = look_at(context, Architecture(dict.fromkeys("abc", "none")), 1)
    large = look_at(context, LARGEST, 1)
    assert large["regions"] > small["regions"]  # more ReLUs
    assert large["expressivity"] > small["expressivity"]  # than that of zeros
    assert large["size"] > small["size"]


def test_draws_are_the_same_for_all_architectures_and_their_mean_counts() -> None:
    context = SearchContext.of(PROBLEM)
    seen: list[tuple[dict[str, Tensor], Tensor]] = []
    said: list[list[float]] = []

    def spy(
        child: Supernet, example_B: Tensor, rankers: Collection[Ranker], **settings: Any
    ) -> None:
        seen.append((child.state_dict(), example_B))
        zero_cost_step(child, example_B, rankers, **settings)
        said.append([ranker.score(NOTHING) for ranker in rankers])

    with patch.object(module, "zero_cost_step", spy):
        deep, shallow = (look_at(context, architecture, 2) for architecture in (DEEP, SHALLOW))
    assert len(seen) == 2 * 2 * 2  # draws in halves
    for (state, example_B), (other, other_B) in zip(seen[:4], seen[4:], strict=True):
        assert torch.equal(example_B, other_B)
        shared = [key for key in state if key in other and "logits" not in key]
        assert any("conv3" in key for key in shared)
        assert all(torch.equal(state[key], other[key]) for key in shared)
    assert not torch.equal(seen[0][1], seen[2][1])  # each draw has its batch
    first = look_at(context, DEEP, 1)
    assert first["size"] == deep["size"] > shallow["size"]
    assert deep == look_at(context, DEEP, 2)
    assert deep["expressivity"] != first["expressivity"]
    regions, expressivity = map(fmean, zip(*said[:4], strict=True))
    assert (deep["regions"], deep["expressivity"]) == pytest.approx((regions, expressivity))
    assert look_at(context, DEEP, 0) == {
        "regions": 0.0,
        "expressivity": 0.0,
        "size": deep["size"],
    }


def test_the_same_network_scores_the_same_whatever_is_watched_beside_it() -> None:
    context = SearchContext.of(PROBLEM)
    child, example_B = context.networks.new_child(DEEP), context.train_stream.next().example_B
    alone = Regions(), Expressivity()
    for ranker in alone:
        zero_cost_step(child, example_B, [ranker])
    together = Regions(), Expressivity()
    zero_cost_step(child, example_B, together)
    assert [ranker.score(NOTHING) for ranker in alone] == pytest.approx(
        [ranker.score(NOTHING) for ranker in together], abs=0
    )


class ConvolutionsTaken(Ranker):
    """How many convolutions an architecture takes, whatever their weights."""

    needs_network = False

    def score(self, look: Look) -> float:
        assert look.network is None
        assert look.example_B is None
        return float(list(look.architecture.values()).count("conv3"))


def test_a_ranker_of_another_package_is_asked_once_where_it_needs_no_network(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(RANKERS._known, "convolutions", ConvolutionsTaken)
    context = SearchContext.of(PROBLEM)
    with patch.object(module, "zero_cost_step") as step:
        said = zero_cost_scores(context, ["convolutions"], SHALLOW, 3)
    assert said == {"convolutions": 1.0}
    assert not step.called
    names = ("size", "convolutions", "regions")
    assert tuple(zero_cost_scores(context, names, SHALLOW, 1)) == names


def test_what_is_no_number_is_refused_with_the_name_of_the_ranker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Regions, "score", lambda self, look: float("nan"))
    context = SearchContext.of(PROBLEM)
    with pytest.raises(RunError, match=r"returns a number, but regions returned nan for \{"):
        look_at(context, LARGEST, 1)
