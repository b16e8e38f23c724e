"""Shortlist: which architectures are trained alone at the end of a search.

Shared weights rank the top poorly: they were trained for all architectures, well for none. What can
be said of an untrained network counts too.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice
from statistics import fmean

from radars.data import Batch
from radars.engine.context import SearchContext
from radars.engine.method_config import SelectConfig
from radars.engine.phases.successive_halving import SuccessiveHalving
from radars.engine.policies.categorical import Controller
from radars.engine.rankers.main_effects import main_effects
from radars.engine.rankers.score_scales import ScoreScales
from radars.nn.supernet import Supernet
from radars.space import Architecture, Subspace

_PROMISING = 4  # for each finalist
_MAX_TRIES = 4  # for each of those: many architectures build the same network

LookAt = Callable[[Architecture, int], dict[str, float]]
"""What rankers say of an architecture before it is trained, from so many draws of fresh weights."""


@dataclass(frozen=True)
class Drawn:
    """Uniform draws: what they are scored, and what rankers say of them.

    Attributes:
        architectures: the draws.
        rewards: of each, with shared weights.
        said: of each, by the rankers of untrained networks.
        full: every candidate.
    """

    architectures: list[Architecture]
    rewards: list[float]
    said: list[dict[str, float]]
    full: Subspace

    @cached_property
    def scales(self) -> ScoreScales:
        """What each ranker says of uniform draws."""
        return ScoreScales.of(self.rewards, self.said)

    @cached_property
    def _effects(self) -> dict[str, dict[str, float]]:
        return main_effects(self.architectures, self.rewards, self.full)

    def expected(self, architecture: Architecture) -> float:
        """The reward that the draws let expect of an architecture."""
        effects = self._effects
        parts = (effects[choice][name] for choice, name in architecture.items())
        return fmean(self.rewards) + sum(parts)


def shortlist(
    context: SearchContext,
    supernet: Supernet,
    controller: Controller,
    config: SelectConfig,
    round_winners: Iterable[Architecture],
    look_at: LookAt,
    tick: Callable[[], None],
) -> SuccessiveHalving:
    """Chooses who is trained alone: the winners of the rounds, then who promises most.

    Uniform draws are scored with shared weights, all on the same validation batches, and looked at
    untrained. From how they rank main effects of the candidates are fitted: a ranking of the draws
    themselves is mostly noise at its top. Of the architectures with the largest sums of effects
    those are the finalists that rank best, by what the draws let expect of their accuracy and by
    a look at each. Soft targets count with accuracy. All are within budget and constraints, as
    whole networks, and no two build the same network.

    Args:
        context: where it runs.
        supernet: the shared weights; released, as what comes next has the device to itself.
        controller: the policy, whose likeliest architecture is a finalist too.
        config: how many draws and finalists.
        round_winners: architectures that are finalists in any case.
        look_at: what rankers say. Finalists are looked at by more draws than those that chose them.
        tick: called after each part of `num_shortlist_parts`.
    """

    def look(architecture: Architecture, num_draws: int) -> dict[str, float]:
        said = look_at(architecture, num_draws)
        tick()
        return said

    likeliest = context.problem.feasible.ranked(controller.scores(), controller.full)
    certain = context.sampler.different((*round_winners, *islice(likeliest, 1)), config.finalists)
    drawn = _draw(context, supernet, controller, config, look, tick)
    promising = _promising(context, drawn, config)
    stand = _combined(drawn, promising, [look(a, config.regions_draws) for a in promising], config)
    order = sorted(range(len(promising)), key=stand.__getitem__, reverse=True)
    best = (promising[index] for index in order)
    # one at a time, as whole networks may have to be measured
    holding = filter(context.problem.feasible.holds, chain(certain, best))
    finalists = context.sampler.different(holding, config.finalists)
    finalists = finalists or [context.problem.feasible.first_holding(())]
    num_draws = config.regions_draws + config.finalist_draws
    said = [look(architecture, num_draws) for architecture in finalists]
    scores = _combined(drawn, finalists, said, config)
    return SuccessiveHalving(finalists, said, drawn.scales, scores)


def num_shortlist_parts(config: SelectConfig) -> int:
    """The most parts of a shortlist: scores of draws, and looks at draws and at who promises."""
    return 2 * config.draws + (_PROMISING + 1) * config.finalists


def _draw(
    context: SearchContext,
    supernet: Supernet,
    controller: Controller,
    config: SelectConfig,
    look: LookAt,
    tick: Callable[[], None],
) -> Drawn:
    architectures = [
        context.sampler.draw(controller, uniform=True).architecture for _ in range(config.draws)
    ]
    batches = [context.validation_stream.next() for _ in range(config.draw_batches)]
    rewards = []
    for architecture in architectures:
        accuracy = _shared_accuracy(context, supernet, architecture, batches)
        tick()
        rewards.append(context.reward(architecture, accuracy))
    supernet.release()
    said = [look(architecture, config.regions_draws) for architecture in architectures]
    return Drawn(architectures, rewards, said, controller.full)


def _combined(
    drawn: Drawn,
    architectures: Sequence[Architecture],
    said: Sequence[dict[str, float]],
    config: SelectConfig,
) -> list[float]:
    expected = [drawn.expected(architecture) for architecture in architectures]
    return drawn.scales.combined(expected, said, config.rankers)


def _promising(context: SearchContext, drawn: Drawn, config: SelectConfig) -> list[Architecture]:
    """The architectures with the largest sums of main effects, several for each finalist."""
    stand = drawn.scales.combined(drawn.rewards, drawn.said, config.rankers)
    effects = main_effects(drawn.architectures, stand, drawn.full)
    ranked = context.problem.feasible.ranked(effects, drawn.full)
    most = config.finalists * _PROMISING
    return context.sampler.different(islice(ranked, most * _MAX_TRIES), most)


def _shared_accuracy(
    context: SearchContext, supernet: Supernet, architecture: Architecture, batches: list[Batch]
) -> float:
    evaluator = context.evaluator
    total = sum(float(evaluator.total_score(supernet, architecture, batch)) for batch in batches)
    num_examples = sum(len(batch.label_B) for batch in batches)
    accuracy = total / num_examples
    evaluator.note(architecture, accuracy, num_examples, is_alone=False)
    return accuracy
