"""`RewardModel`: what each candidate adds to the reward, by regression, and how sure that is.

Shapes: N architectures with a reward, P candidates of all choices, K tables of rankers, F = P + K.
"""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_factor, cho_solve

from radars.space import Subspace

Numbers = npt.NDArray[np.float64]
Scores = Mapping[str, Mapping[str, float]]
"""Choice to candidate to a number."""

_VARIANCES = 10.0 ** np.arange(-4, 3)  # of a coefficient, in those of the noise
_PRECISIONS = (1.0, 4.0, 16.0)  # of what was trained alone, in those of other rewards


@dataclass(frozen=True)
class Rewarded:
    """An architecture, and what it was rewarded with.

    Attributes:
        architecture: choice to candidate.
        reward: larger is better.
        group: what was rewarded under the same conditions has the same number: between groups
            rewards may differ by a constant.
        is_alone: whether it was trained alone, as finalists are: such a reward has less noise.
    """

    architecture: Mapping[str, str]
    reward: float
    group: int = 0
    is_alone: bool = False


@dataclass(frozen=True)
class RewardModel:
    """A reward as the sum of what its candidates add.

    Attributes:
        effects: choice to candidate to what it adds; their mean over a choice is 0.
        errors: the standard errors of the effects.
        weights: table of a ranker to its weight: what one standard deviation of it adds.
        explained: the fraction of the rewards' variance that the model explains in architectures
            that it was not fitted to (leave-one-out); not above 0 where it knows nothing.
    """

    effects: dict[str, dict[str, float]]
    errors: dict[str, dict[str, float]]
    weights: dict[str, float]
    explained: float

    def __call__(self, architecture: Mapping[str, str]) -> float:
        """The sum of the effects of an architecture's candidates."""
        return sum(self.effects[choice][name] for choice, name in architecture.items())


def fit_rewards(
    rewarded: Sequence[Rewarded], full: Subspace, tables: Mapping[str, Scores] | None = None
) -> RewardModel:
    """Fits the model by Bayesian linear regression, with a prior variance for each kind of column.

    There is a column for each candidate, and one for each table of a ranker, which holds the
    standardised sum of what the table says of an architecture's candidates. So a ranker that
    agrees with the rewards is believed where rewards are few, and one that does not is not. The
    variances are those with the largest evidence (MacKay 1992, "Bayesian Interpolation"): with
    rewards that are mostly noise all effects shrink towards 0. So is the precision of rewards of
    what was trained alone.

    Args:
        rewarded: the architectures; of none, all effects are 0.
        full: every candidate.
        tables: what rankers say of each candidate; a candidate that is missing counts as the mean
            of its choice.
    """
    if not rewarded:
        nothing = {choice: dict.fromkeys(names, 0.0) for choice, names in full.items()}
        return RewardModel(nothing, nothing, dict.fromkeys(tables or (), 0.0), explained=0.0)
    tables = {name: _centred(scores, full) for name, scores in (tables or {}).items()}
    pairs = [(choice, name) for choice, names in full.items() for name in names]
    taken_NP = np.array(
        [
            [float(c in r.architecture and r.architecture[c] == n) for c, n in pairs]
            for r in rewarded
        ]
    )
    said_PK = np.array([[table[c][n] for table in tables.values()] for c, n in pairs])
    said_PK = said_PK.reshape(len(pairs), len(tables))
    said_PK /= (taken_NP @ said_PK).std(0) + 1e-12
    groups = np.array([r.group for r in rewarded])
    design_NF = _within_groups(np.concatenate([taken_NP, taken_NP @ said_PK], 1), groups)
    reward_N = _within_groups(np.array([[r.reward] for r in rewarded]), groups)[:, 0]
    fit = _likeliest_fit(
        _Observed(
            design_NF,
            reward_N,
            np.array([r.is_alone for r in rewarded]),
            num_candidates=len(pairs),
            num_free=len(rewarded) - len(set(groups.tolist())),
        )
    )
    contrast_PF = np.concatenate([np.eye(len(pairs)), said_PK], 1)
    for choice in full:
        rows = [index for index, (c, _) in enumerate(pairs) if c == choice]
        contrast_PF[rows] -= contrast_PF[rows].mean(0)
    return RewardModel(
        effects=_by_choice(pairs, contrast_PF @ fit.coefficient_F, full),
        errors=_by_choice(pairs, np.sqrt(fit.variances(contrast_PF)), full),
        weights=dict(zip(tables, fit.coefficient_F[len(pairs) :].tolist(), strict=True)),
        explained=fit.explained(),
    )


@dataclass(frozen=True)
class _Observed:
    """What is fitted.

    Attributes:
        design_NF: the columns, first those of candidates, then those of tables.
        reward_N: what they explain.
        alone_N: whether each was trained alone.
        num_candidates: P.
        num_free: rewards less the constants that were taken out of them.
    """

    design_NF: Numbers  # noqa: N815 - named by their shapes
    reward_N: Numbers  # noqa: N815
    alone_N: npt.NDArray[np.bool_]  # noqa: N815
    num_candidates: int
    num_free: int

    def fits(self) -> Iterator["_Fit"]:
        """A fit for each set of variances that is considered."""
        num_columns = self.design_NF.shape[1]
        of_tables = _VARIANCES if num_columns > self.num_candidates else _VARIANCES[:1]
        precisions = _PRECISIONS if len(set(self.alone_N.tolist())) > 1 else _PRECISIONS[:1]
        for precision in precisions:
            weight_N = np.where(self.alone_N, precision, 1.0)
            for of_candidates, of_table in itertools.product(_VARIANCES, of_tables):
                prior_F = np.full(num_columns, of_table)
                prior_F[: self.num_candidates] = of_candidates
                yield _Fit(self.design_NF, self.reward_N, weight_N, prior_F, self.num_free)


@dataclass(frozen=True)
class _Fit:
    """A linear model whose coefficients are normal a priori.

    With prior variances V, in units of the noise's, precisions W and the design X, the rewards have
    the covariance C = W^-1 + X V X' in these units, and the coefficients the mean V X' C^-1 y.

    Attributes:
        design_NF: the columns.
        reward_N: what they explain.
        weight_N: the precision of each reward, in those of the noise.
        prior_F: the prior variances.
        num_free: rewards less the constants that were taken out of them.
    """

    design_NF: Numbers  # noqa: N815 - named by their shapes
    reward_N: Numbers  # noqa: N815
    weight_N: Numbers  # noqa: N815
    prior_F: Numbers  # noqa: N815
    num_free: int

    @cached_property
    def _factor(self) -> tuple[Numbers, bool]:
        covariance_NN = (self.design_NF * self.prior_F) @ self.design_NF.T
        whole, is_lower = cho_factor(covariance_NN + np.diag(1.0 / self.weight_N))
        return np.asarray(whole), is_lower

    @cached_property
    def _solved_N(self) -> Numbers:  # noqa: N802 - named by its shape
        return np.asarray(cho_solve(self._factor, self.reward_N))

    @cached_property
    def noise(self) -> float:
        """The variance of the noise."""
        return float(self.reward_N @ self._solved_N) / max(1, self.num_free)

    @property
    def surprise(self) -> float:
        """Twice the negative logarithm of the evidence, but for a constant."""
        log_determinant = 2.0 * float(np.log(np.diag(self._factor[0])).sum())
        return log_determinant + self.num_free * math.log(max(self.noise, 1e-300))

    @property
    def coefficient_F(self) -> Numbers:  # noqa: N802 - named by its shape
        """The coefficients."""
        return np.asarray(self.prior_F * (self.design_NF.T @ self._solved_N))

    def variances(self, contrast_PF: Numbers) -> Numbers:
        """Those of some sums of coefficients, each a row."""
        scaled_PF = contrast_PF * self.prior_F
        known_NP = self.design_NF @ scaled_PF.T
        told_P = (known_NP * cho_solve(self._factor, known_NP)).sum(0)
        return np.asarray(self.noise * np.maximum((scaled_PF * contrast_PF).sum(1) - told_P, 0.0))

    def explained(self) -> float:
        """The fraction of the variance of rewards that are left out, one at a time, explained."""
        inverse_NN = cho_solve(self._factor, np.eye(len(self.reward_N)))
        error_N = self._solved_N / np.diag(inverse_NN)
        variance = float(self.reward_N.var())
        return 1.0 - float(np.mean(error_N**2)) / variance if variance > 0 else 0.0


def _likeliest_fit(observed: _Observed) -> _Fit:
    """The fit with the variances that have most evidence."""
    return min(observed.fits(), key=lambda fit: fit.surprise)


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
