"""The linear model behind the rewards: normal coefficients, whose variances the evidence decides.

Rewards are of two kinds: with shared weights, which are many and cheap, and of what was trained
alone, which is what counts in the end. What a candidate adds to one kind is correlated with what it
adds to the other (Kennedy and O'Hagan 2000, "Predicting the Output from a Complex Computer Code
When Fast Approximations Are Available"; as covariance, Bonilla et al. 2008, "Multi-task Gaussian
Process Prediction"). How closely, how large effects are and how much is noise are what makes the
rewards likeliest (MacKay 1992, "Bayesian Interpolation"). So rewards of shared weights that say the
contrary of the others are not believed as soon as the others say so.

Before any reward, what rankers say together is expected of the effects, in part: over published
spaces, even such a simple one as the size of a network goes along with accuracy (White et al. 2022,
"A Deeper Look at Zero-Cost Proxies for Lightweight NAS"). Rewards that are more than noise overrule
that; where they are not, it is all that is known.

Shapes: N architectures with a reward, P candidates of all choices, K tables of rankers, F = P + K.
"""

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_factor, cho_solve

Numbers = npt.NDArray[np.float64]

_VARIANCES = tuple(10.0 ** np.arange(-4, 3))
_USUAL_AGREEMENT, _ITS_ERROR = 0.75, 0.4  # before there is any evidence
_USUAL_CORRELATION, _ERROR_OF_CORRELATION = 0.5, 1.0
_MOST_ROUNDS = 3


@dataclass(frozen=True)
class Prior:
    """What is taken for granted of the coefficients and the noise.

    Attributes:
        of_candidates: the variance of what a candidate adds, in those of the noise.
        of_tables: likewise, of what a standard deviation of a table adds.
        precision: the precision of rewards of what was trained alone, in those of other rewards.
        agreement: the correlation of what candidates add to the two kinds of rewards.
        spread: the standard deviation of what they add to rewards of what was trained alone, in
            those of others.
        correlation: that of what rankers say together with the rewards.
    """

    of_candidates: float = 1e-2
    of_tables: float = 1e-2
    precision: float = 4.0
    agreement: float = _USUAL_AGREEMENT
    spread: float = 1.0
    correlation: float = _USUAL_CORRELATION


_FREE = Prior(of_candidates=1.0, of_tables=1.0, correlation=0.0)  # nothing is expected
_CONSIDERED = {
    "of_candidates": _VARIANCES,
    "of_tables": _VARIANCES,
    "precision": (1.0, 4.0, 16.0),
    "agreement": (0.0, 0.3, 0.6, 0.9),
    "spread": (0.5, 1.0, 2.0),
    "correlation": (0.0, 0.5, 1.0),
}
_OF_TWO_KINDS = ("precision", "agreement", "spread")


@dataclass(frozen=True)
class Observed:
    """What is fitted.

    Attributes:
        design_NF: the columns, first those of candidates, then those of tables.
        reward_N: what they explain.
        alone_N: whether each was trained alone.
        num_candidates: P.
        num_free: rewards less the constants that were taken out of them.
        expected_F: what the coefficients are expected to be where rankers say all that there is to
            know, in standard deviations of the sum of an architecture's; all 0 without rankers.
        num_effective: this times the variance of a candidate's coefficient is that of the sum of an
            architecture's.
    """

    design_NF: Numbers  # noqa: N815 - named by their shapes
    reward_N: Numbers  # noqa: N815
    alone_N: npt.NDArray[np.bool_]  # noqa: N815
    num_candidates: int
    num_free: int
    expected_F: Numbers  # noqa: N815
    num_effective: float

    @property
    def undecided(self) -> list[str]:
        """What the evidence decides on."""
        names = ["of_candidates"]
        if self.design_NF.shape[1] > self.num_candidates:
            names.append("of_tables")
        if self.alone_N.any() and not self.alone_N.all():
            names += _OF_TWO_KINDS
        if self.expected_F.any():
            names.append("correlation")
        return names

    @cached_property
    def products(self) -> tuple[Numbers, Numbers]:
        """Those (N, N) of the rows with each other: of candidates, and of tables."""
        taken, said = np.split(self.design_NF, [self.num_candidates], axis=1)
        return taken @ taken.T, said @ said.T


class Fit:
    """The model with one prior.

    With prior variances V, in units of the noise's, precisions W, the design X and the covariances
    K of the kinds of any two rewards, the rewards have the covariance C = W^-1 + (X V X') * K in
    these units. Where the coefficients are expected to be b, and so the rewards m = k * X b, their
    mean is b + V X' (k * C^-1 (y - m)), where k are the covariances of each reward's kind with the
    kind that is asked for. As the noise is the unit, b is so many times as large as it is.

    Args:
        observed: the rewards.
        prior: the variances.
    """

    def __init__(self, observed: Observed, prior: Prior) -> None:
        self.prior = prior
        self._observed = observed
        alone_N = observed.alone_N
        size_N = np.where(alone_N, prior.spread, 1.0)
        kind_NN = np.where(alone_N[:, None] == alone_N, 1.0, prior.agreement)
        of_candidates_NN, of_tables_NN = observed.products
        covariance_NN = prior.of_candidates * of_candidates_NN + prior.of_tables * of_tables_NN
        covariance_NN *= kind_NN * np.outer(size_N, size_N)
        weight_N = np.where(alone_N, prior.precision, 1.0)
        whole, is_lower = cho_factor(covariance_NN + np.diag(1.0 / weight_N))
        self._factor = np.asarray(whole), is_lower
        asked_size = prior.spread if alone_N.any() else 1.0
        self._asked_variance = asked_size**2
        agreement_N = np.where(alone_N == alone_N.any(), 1.0, prior.agreement)
        self._asked_N = agreement_N * size_N * asked_size
        self._asked_weight = prior.precision if alone_N.any() else 1.0
        self._prior_F = np.full(observed.design_NF.shape[1], prior.of_tables)
        self._prior_F[: observed.num_candidates] = prior.of_candidates
        num_tables = observed.design_NF.shape[1] - observed.num_candidates
        variance = prior.of_candidates * observed.num_effective + prior.of_tables * num_tables
        self._variance = variance
        expected = prior.correlation * math.sqrt(variance)
        self._expected_F = asked_size * expected * observed.expected_F  # in deviations of the noise
        expected_N = observed.design_NF @ observed.expected_F
        self._expected_N = agreement_N * size_N * expected * expected_N
        self._of_reward_N = np.asarray(cho_solve(self._factor, observed.reward_N))
        self._of_expected_N = np.asarray(cho_solve(self._factor, self._expected_N))

    @cached_property
    def noise(self) -> float:
        """The variance of the noise: the one that makes the rewards likeliest."""
        observed = self._observed
        number = max(1, observed.num_free)
        square = float(observed.reward_N @ self._of_reward_N) / number
        half = self._agreeing / (2 * number)
        return (math.sqrt(half**2 + square) - half) ** 2

    @property
    def _agreeing(self) -> float:
        """The product of the rewards with what is expected of them."""
        return float(self._observed.reward_N @ self._of_expected_N)

    @cached_property
    def _solved_N(self) -> Numbers:  # noqa: N802 - named by its shape
        """What the rewards are beyond what is expected of them, divided by their covariance."""
        return self._of_reward_N - math.sqrt(self.noise) * self._of_expected_N

    @cached_property
    def surprise(self) -> float:
        """Twice the negative logarithm of the evidence, but for a constant."""
        log_determinant = 2.0 * float(np.log(np.diag(self._factor[0])).sum())
        prior = self.prior
        unusual = ((prior.agreement - _USUAL_AGREEMENT) / _ITS_ERROR) ** 2
        unusual += ((prior.correlation - _USUAL_CORRELATION) / _ERROR_OF_CORRELATION) ** 2
        noise = max(self.noise, 1e-300)
        unlike = float(self._expected_N @ self._of_expected_N) - self._agreeing / math.sqrt(noise)
        return log_determinant + self._observed.num_free * math.log(noise) + unlike + unusual

    @property
    def agreement(self) -> float:
        """The prior's, where there are two kinds of rewards; 1 where there is one."""
        return self.prior.agreement if "agreement" in self._observed.undecided else 1.0

    @property
    def coefficient_F(self) -> Numbers:  # noqa: N802 - named by its shape
        """The coefficients of what was trained alone; of the others, where nothing was."""
        by_reward_N = self._asked_N * self._solved_N
        learned_F = self._prior_F * (self._observed.design_NF.T @ by_reward_N)
        return np.asarray(math.sqrt(self.noise) * self._expected_F + learned_F)

    @property
    def deviation(self) -> float:
        """The standard deviation of what was trained alone, noise in it; else of the others."""
        variance = self._asked_variance * self._variance + 1.0 / self._asked_weight
        return math.sqrt(self.noise * variance)

    def variances(self, contrast_PF: Numbers) -> Numbers:
        """Those of some sums of coefficients, each a row."""
        scaled_PF = contrast_PF * self._prior_F
        known_NP = (self._observed.design_NF @ scaled_PF.T) * self._asked_N[:, None]
        told_P = (known_NP * cho_solve(self._factor, known_NP)).sum(0)
        unknown_P = self._asked_variance * (scaled_PF * contrast_PF).sum(1)
        return np.asarray(self.noise * np.maximum(unknown_P - told_P, 0.0))

    def explained(self) -> float:
        """The fraction of the variance of rewards that are left out, one at a time, explained."""
        reward_N = self._observed.reward_N
        inverse_NN = cho_solve(self._factor, np.eye(len(reward_N)))
        error_N = self._solved_N / np.diag(inverse_NN)
        variance = float(reward_N.var())
        return 1.0 - float(np.mean(error_N**2)) / variance if variance > 0 else 0.0


def likeliest_fit(observed: Observed) -> Fit:
    """The fit with the prior that has most evidence, as far as two descents find it."""
    fits = [_descended(observed, start) for start in (Prior(), _FREE)]
    return min(fits, key=lambda fit: fit.surprise)


def _descended(observed: Observed, start: Prior) -> Fit:
    """The fit that has most evidence where each part of the prior is decided in turn."""
    undecided = observed.undecided
    best = Fit(observed, start if "correlation" in undecided else replace(start, correlation=0.0))
    for _ in range(_MOST_ROUNDS):
        before = best.prior
        for name in undecided:
            values = [value for value in _CONSIDERED[name] if value != getattr(best.prior, name)]
            others = [Fit(observed, replace(best.prior, **{name: value})) for value in values]
            best = min([best, *others], key=lambda fit: fit.surprise)
        if best.prior == before:
            break
    return best
