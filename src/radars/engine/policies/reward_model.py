"""`RewardModel`: what each candidate adds to the reward, by regression, and how sure that is.

Shapes: N architectures with a reward, P candidates of all choices, K tables of rankers, F = P + K.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from radars.engine.policies.evidence import Numbers, Observed, likeliest_fit
from radars.engine.policies.maturity import deviation_after, gain_to_come
from radars.space import Subspace

Scores = Mapping[str, Mapping[str, float]]
"""Choice to candidate to a number."""


@dataclass(frozen=True)
class Rewarded:
    """An architecture, and what it was rewarded with.

    Attributes:
        architecture: choice to candidate.
        reward: larger is better.
        group: what was rewarded under the same conditions has the same number: between groups
            rewards may differ by a constant.
        is_alone: whether it was trained alone, as finalists are: such a reward has less noise, and
            candidates may add something else to it than to others.
        fraction: how much of the way of its training it had behind it, above 0.
    """

    architecture: Mapping[str, str]
    reward: float
    group: int = 0
    is_alone: bool = False
    fraction: float = 1.0


@dataclass(frozen=True)
class RewardModel:
    """A reward as the sum of what its candidates add.

    It is the reward of what is trained alone, as soon as there is one.

    Attributes:
        effects: choice to candidate to what it adds; their mean over a choice is 0.
        errors: the standard errors of the effects.
        weights: table of a ranker to its weight: what one standard deviation of it adds.
        explained: the fraction of the rewards' variance that the model explains in architectures
            that it was not fitted to (leave-one-out); not above 0 where it knows nothing.
        agreement: how far what candidates add to rewards with shared weights is what they add when
            trained alone, a correlation; 1 where nothing was trained alone.
        said: choice to candidate to what the expected tables say together, in standard deviations
            over architectures.
        deviation: the standard deviation of rewards over architectures.
        fraction: how much of the way of its training the furthest had behind it.
        largest_deviation: the most that the standard deviation can be after the whole training.
    """

    effects: dict[str, dict[str, float]]
    errors: dict[str, dict[str, float]]
    weights: dict[str, float]
    explained: float
    agreement: float = 1.0
    said: Scores = field(default_factory=dict)
    deviation: float = 0.0
    fraction: float = 1.0
    largest_deviation: float = math.inf

    def __call__(self, architecture: Mapping[str, str]) -> float:
        """The sum of the effects of an architecture's candidates."""
        return sum(self.effects[choice][name] for choice, name in architecture.items())

    def gain(self, architecture: Mapping[str, str], fraction: float | None = None) -> float:
        """What it is expected to gain on others in the rest of its training (`maturity.py`).

        Args:
            architecture: choice to candidate.
            fraction: how much of the way is done; by default that of the rewards.
        """
        if not self.said:
            return 0.0
        ranked = sum(self.said[choice][name] for choice, name in architecture.items())
        return ranked * self._gain(self.fraction if fraction is None else fraction)

    def in_the_end(self, architecture: Mapping[str, str]) -> float:
        """What is expected of an architecture after the whole training, as far as is known."""
        return self(architecture) + self.gain(architecture)

    def final_effects(self) -> dict[str, dict[str, float]]:
        """Choice to candidate to what it adds after the whole training, as far as is known."""
        gain = self._gain(self.fraction)
        if not self.said or not gain:
            return self.effects
        return {
            choice: {name: effect + gain * self.said[choice][name] for name, effect in of.items()}
            for choice, of in self.effects.items()
        }

    def _gain(self, fraction: float) -> float:
        """For each standard deviation of what rankers say."""
        in_the_end = self.deviation / deviation_after(self.fraction)
        return gain_to_come(fraction, min(in_the_end, self.largest_deviation))


def fit_rewards(
    rewarded: Sequence[Rewarded],
    full: Subspace,
    tables: Mapping[str, Scores] | None = None,
    expected: Collection[str] = (),
) -> RewardModel:
    """Fits the model by Bayesian linear regression (`evidence.py`).

    There is a column for each candidate, and one for each table of a ranker, which holds the
    standardised sum of what the table says of an architecture's candidates. So a ranker that
    agrees with the rewards is believed where rewards are few, and one that does not is not. With
    rewards that are mostly noise all effects shrink towards what is expected.

    Args:
        rewarded: the architectures; without any, effects are what is expected, in no unit.
        full: every candidate.
        tables: what rankers say of each candidate; one that is missing counts as its choice's mean.
        expected: the tables that are expected to go along with accuracy, before any reward.
    """
    tables = {name: _centred(scores, full) for name, scores in (tables or {}).items()}
    together = _together({name: tables[name] for name in tables if name in expected}, full)
    if not rewarded:
        nothing = {choice: dict.fromkeys(names, 0.0) for choice, names in full.items()}
        return RewardModel(together, nothing, dict.fromkeys(tables, 0.0), explained=0.0)
    pairs = [(choice, name) for choice, names in full.items() for name in names]
    taken_NP = np.array(
        [
            [float(c in r.architecture and r.architecture[c] == n) for c, n in pairs]
            for r in rewarded
        ]
    )
    said_PK = np.array([[t[c][n] / _deviation(t) for t in tables.values()] for c, n in pairs])
    said_PK = said_PK.reshape(len(pairs), len(tables))
    part = 1.0 / _deviation(together)
    expected_K = np.array([part if name in expected else 0.0 for name in tables])
    groups = np.array([r.group for r in rewarded])
    design_NF = _within_groups(np.concatenate([taken_NP, taken_NP @ said_PK], 1), groups)
    reward_N = _within_groups(np.array([[r.reward] for r in rewarded]), groups)[:, 0]
    fit = likeliest_fit(
        Observed(
            design_NF,
            reward_N,
            np.array([r.is_alone for r in rewarded]),
            num_candidates=len(pairs),
            num_free=len(rewarded) - len(set(groups.tolist())),
            expected_F=np.concatenate([np.zeros(len(pairs)), expected_K]),
            num_effective=sum(1.0 - 1.0 / len(names) for names in full.values()),
        )
    )
    contrast_PF = _contrasts(pairs, said_PK)
    return RewardModel(
        effects=_by_choice(pairs, contrast_PF @ fit.coefficient_F, full),
        errors=_by_choice(pairs, np.sqrt(fit.variances(contrast_PF)), full),
        weights=dict(zip(tables, fit.coefficient_F[len(pairs) :].tolist(), strict=True)),
        explained=fit.explained(),
        agreement=fit.agreement,
        said={c: {n: part * value for n, value in of.items()} for c, of in together.items()},
        deviation=fit.deviation,
        fraction=max(r.fraction for r in [r for r in rewarded if r.is_alone] or rewarded),
    )


def _contrasts(pairs: Sequence[tuple[str, str]], said_PK: Numbers) -> Numbers:
    """The sums of coefficients (P, F) that are effects, each less the mean of its choice."""
    contrast_PF = np.concatenate([np.eye(len(pairs)), said_PK], 1)
    for choice in dict.fromkeys(choice for choice, _ in pairs):
        rows = [index for index, (c, _) in enumerate(pairs) if c == choice]
        contrast_PF[rows] -= contrast_PF[rows].mean(0)
    return contrast_PF


def _together(tables: Mapping[str, Scores], full: Subspace) -> dict[str, dict[str, float]]:
    """What several tables say together: each counts alike.

    Args:
        tables: what each says of candidates, with the mean 0 in each choice.
        full: every candidate.
    """
    of_each = {table: 1.0 / _deviation(scores) for table, scores in tables.items()}
    return {
        choice: {
            name: sum(part * tables[table][choice][name] for table, part in of_each.items())
            for name in names
        }
        for choice, names in full.items()
    }


def _deviation(table: Scores) -> float:
    """The standard deviation of what a table says of architectures, all alike likely; 1 for 0."""
    variance = sum(
        sum(effect**2 for effect in effects.values()) / len(effects) for effects in table.values()
    )
    return math.sqrt(variance) or 1.0


def _within_groups(value_NC: Numbers, groups: npt.NDArray[np.int64]) -> Numbers:
    """The values less the mean of their group."""
    centred_NC = value_NC.copy()
    for group in np.unique(groups):
        centred_NC[groups == group] -= value_NC[groups == group].mean(0)
    return centred_NC


def _centred(scores: Scores, full: Subspace) -> dict[str, dict[str, float]]:
    """The scores less the mean of their choice; 0 for what is missing."""
    centred = {}
    for choice, names in full.items():
        known = scores.get(choice, {})
        mean = sum(known.values()) / len(known) if known else 0.0
        centred[choice] = {name: known[name] - mean if name in known else 0.0 for name in names}
    return centred


def _by_choice(
    pairs: Sequence[tuple[str, str]], value_P: Numbers, full: Subspace
) -> dict[str, dict[str, float]]:
    values: dict[str, dict[str, float]] = {choice: {} for choice in full}
    for (choice, name), value in zip(pairs, value_P.tolist(), strict=True):
        values[choice][name] = value
    return values
