from unittest.mock import patch

import torch
from tests.tiny import quick_config, tiny_data, tiny_space
from torch import Tensor

from radars.data import Batch
from radars.engine import SelectConfig
from radars.engine.context import SearchContext
from radars.engine.evaluator import Evaluator
from radars.engine.given import Given
from radars.engine.methods.radars import Radars
from radars.engine.phases.shortlist import num_shortlist_parts, shortlist
from radars.engine.problem import SearchProblem
from radars.nn.supernet import Supernet
from radars.space import Architecture

PROBLEM = SearchProblem.of(quick_config(), Given(space=tiny_space(), data=tiny_data()))
EFFECTS = {"none": 0.0, "conv3": 1 / 8, "mb2": 2 / 8}


def look_at(architecture: Architecture, num_draws: int) -> dict[str, float]:
    """Regions tell nothing, and size is what the last choice makes it."""
    size = 1000.0 * (architecture["c"] == "none")
    return {"regions": 0.0, "size": size, "expressivity": float(num_draws)}


def finalists_of(
    config: SelectConfig, round_winners: list[Architecture], accuracies: dict[str, float]
) -> list[Architecture]:
    """With a network whose accuracy is what its candidates add."""
    context = SearchContext.of(PROBLEM)
    method = Radars(context)

    def total_score(supernet: Supernet, architecture: Architecture, batch: Batch) -> Tensor:
        return len(batch.label_B) * torch.tensor(
            sum(accuracies[name] for name in architecture.values())
        )

    with patch.object(Evaluator, "total_score", side_effect=total_score):
        halving = shortlist(
            context,
            method.supernet,
            method.controller,
            config,
            round_winners,
            look_at,
            lambda: None,
        )
    num_draws = config.regions_draws + config.finalist_draws
    assert halving.said == [look_at(known, num_draws) for known in halving.finalists]
    assert len(halving.scores) == len(halving.finalists)
    assert halving.accuracies == []
    return halving.finalists


def test_a_shortlist_ranks_by_what_candidates_add() -> None:
    config = SelectConfig(draws=60, draw_batches=1, finalists=8, finalist_draws=5)
    finalists = finalists_of(config, [], EFFECTS)
    # the first is the likeliest of a policy that knows nothing
    assert Architecture(dict.fromkeys("abc", "mb2")) in finalists[:2]
    promised = [sum(EFFECTS[name] for name in a.values()) for a in finalists[1:]]
    assert promised == sorted(promised, reverse=True)


def test_a_shortlist_counts_what_is_said_of_the_untrained() -> None:
    config = SelectConfig(draws=60, draw_batches=1, finalists=6, rankers={"size": 100.0})
    finalists = finalists_of(config, [], EFFECTS)
    assert all(finalist["c"] == "none" for finalist in finalists[1:])


def test_the_finalists_are_different_and_begin_with_the_favourites() -> None:
    round_winners = [Architecture(dict.fromkeys("abc", "conv3"))] * 2
    config = SelectConfig(draws=9, draw_batches=2, finalists=6)
    finalists = finalists_of(config, round_winners, EFFECTS)
    assert finalists[0] == round_winners[0]
    assert len(set(finalists)) == len(finalists) == 6
    assert finalists_of(config, round_winners, EFFECTS) == finalists


def test_a_shortlist_scores_with_shared_weights_and_releases_them() -> None:
    context = SearchContext.of(PROBLEM)
    method = Radars(context)
    config = SelectConfig(draws=9, draw_batches=2, finalists=6)
    released: list[bool] = []
    ticks: list[int] = []

    def look_at_nothing(architecture: Architecture, num_draws: int) -> dict[str, float]:
        released.append(method.supernet._candidates.live is None)
        return dict.fromkeys(config.rankers, 0.0)

    wrapped = context.evaluator.total_score
    with patch.object(Evaluator, "total_score", side_effect=wrapped) as total_score:
        halving = shortlist(
            *(context, method.supernet, method.controller, config, [], look_at_nothing),
            lambda: ticks.append(1),
        )
    assert all(context.guard.fits(architecture) for architecture in halving.finalists)
    assert len(total_score.call_args_list) == 9 * 2
    assert all(call.args[0] is method.supernet for call in total_score.call_args_list)
    assert len(released) >= 9 + len(halving.finalists)
    assert len(ticks) == 9 + len(released) <= num_shortlist_parts(config)
    assert all(released)
