"""Paired differences: what the searches of a comparison found, against `radars` with the same seed.

Beside them are mean ranks: how methods compare with one another, whatever `radars` found.

Each method is compared with `radars` in its setting. Where settings leave out parts of `radars`,
they are an ablation: each setting of `radars` is compared with its first one.

Compared are accuracies after the same training, or in a published table: those that searches see
are of weights that differ in kind.

Shapes: S seeds.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from radars.comparison.rows import Row
from radars.ranks import ranks_of

REFERENCE = "radars"
DIFFERENCES_TITLE = f"Difference in accuracy from {REFERENCE}, paired by seed"
RANKS_TITLE = "Mean rank by accuracy (1 is the best), where every method completed"
_SCORES = ("test_accuracy", "table_accuracy")  # the first that both have

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Difference:
    """How much more accurate the results of one contender are than those of another.

    Attributes:
        setting: the setting of the contender.
        method: its method.
        against: the setting of `radars` that it is compared with.
        score: the accuracy that is compared, a field of `Row`.
        differences: (S,) for each seed that both have, in points.
    """

    setting: str
    method: str
    against: str
    score: str
    differences: Numbers

    @property
    def mean(self) -> float:
        """The mean over seeds."""
        return float(self.differences.mean())

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95% bootstrap interval of the mean; None for a single seed."""
        return mean_interval(self.differences) if len(self.differences) > 1 else None


def paired_differences(rows: Iterable[Row]) -> list[Difference]:
    """All differences that the rows tell, by settings in the order in which they came."""
    of: dict[tuple[str, str], dict[int, Row]] = {}
    for row in rows:
        of.setdefault((row.setting, row.method), {})[row.seed] = row
    firsts = [setting for setting, method in of if method == REFERENCE]
    found = []
    for setting, method in of:
        against = setting if method != REFERENCE else firsts[0]
        others = of.get((against, REFERENCE))
        if others is None or (setting, method) == (against, REFERENCE):
            continue
        score, differences = _differences(of[setting, method], others)
        if len(differences):
            found.append(Difference(setting, method, against, score, differences))
    return found


def differences_cells(rows: Iterable[Row]) -> tuple[list[str], list[list[str]]]:
    """A header, and a line for each difference; no lines where there is none."""
    header = ["setting", "method", f"against {REFERENCE} in", "seeds", "points", "95% interval"]
    return header, [
        [
            known.setting,
            known.method,
            known.against,
            str(len(known.differences)),
            f"{known.mean:+.2f}",
            "" if known.interval is None else "{:+.2f} to {:+.2f}".format(*known.interval),
        ]
        for known in paired_differences(rows)
    ]


@dataclass(frozen=True)
class MeanRank:
    """How a method ranks by accuracy among all that found something; 1 is the best.

    Attributes:
        method: the method.
        mean: the mean over the pairs of setting and seed; ties share the mean of their ranks.
        num_pairs: the pairs that every method completed: only these count.
        num_all: all pairs that were searched.
    """

    method: str
    mean: float
    num_pairs: int
    num_all: int


def ranks_of_methods(rows: Iterable[Row]) -> list[MeanRank]:
    """The ranks of all methods, the best first; none where fewer than two compare.

    A method that completed nothing has no rank, and takes none from others.
    """
    of: dict[tuple[str, int], dict[str, Row]] = {}
    for row in rows:
        of.setdefault((row.setting, row.seed), {})[row.method] = row
    done = [[row for row in pair.values() if _is_scored(row)] for pair in of.values()]
    methods = list(dict.fromkeys(row.method for pair in done for row in pair))
    ranks = [_ranks(pair) for pair in done if len(pair) == len(methods) > 1]
    known = [pair for pair in ranks if pair]
    found = [
        MeanRank(method, float(np.mean([pair[method] for pair in known])), len(known), len(of))
        for method in (methods if known else ())
    ]
    return sorted(found, key=lambda rank: rank.mean)


def ranks_cells(rows: Iterable[Row]) -> tuple[list[str], list[list[str]]]:
    """A header, and a line for each method; no lines where no ranks are known."""
    return ["method", "mean rank", "settings and seeds"], [
        [known.method, f"{known.mean:.2f}", f"{known.num_pairs} of {known.num_all}"]
        for known in ranks_of_methods(rows)
    ]


def mean_interval(value_S: Numbers) -> tuple[float, float]:
    """The 95% bootstrap interval of a mean; the mean itself where there is no spread."""
    from scipy import stats  # half a second, and only intervals need it

    if len(value_S) < 2 or np.ptp(value_S) == 0:
        return float(value_S.mean()), float(value_S.mean())
    found = stats.bootstrap((value_S,), np.mean, rng=np.random.default_rng(0))
    return float(found.confidence_interval.low), float(found.confidence_interval.high)


def _differences(own: dict[int, Row], others: dict[int, Row]) -> tuple[str, Numbers]:
    """What is compared, and the differences of the seeds that both have, in points."""
    seeds: Sequence[int] = sorted(own.keys() & others)
    for score in _SCORES:
        pairs = [(getattr(own[seed], score), getattr(others[seed], score)) for seed in seeds]
        known = [100.0 * (one - other) for one, other in pairs if None not in (one, other)]
        if known:
            return score, np.array(known)
    return _SCORES[-1], np.array([])


def _is_scored(row: Row) -> bool:
    """Whether a search completed, and what it found has an accuracy that compares."""
    return row.status == "completed" and any(getattr(row, s) is not None for s in _SCORES)


def _ranks(rows: Sequence[Row]) -> dict[str, float]:
    """Method to its rank by the first accuracy that all have; empty where there is none."""
    for score in _SCORES:
        values = {row.method: getattr(row, score) for row in rows}
        if None not in values.values():
            ranks = ranks_of([-value for value in values.values()])
            return dict(zip(values, ranks, strict=True))
    return {}
