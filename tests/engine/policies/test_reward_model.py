import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radars.engine.policies.maturity import deviation_after
from radars.engine.policies.reward_model import Rewarded, RewardModel, fit_rewards
from radars.space import Subspace

FULL = Subspace({"a": ("x", "y", "z"), "b": ("x", "y"), "c": ("p", "q", "r", "s")})
EVERY = [dict(zip(FULL, taken, strict=True)) for taken in itertools.product(*FULL.values())]
EFFECTS = {
    "a": {"x": 0.2, "y": -0.1, "z": -0.1},
    "b": {"x": 0.05, "y": -0.05},
    "c": {"p": 0.0, "q": 0.3, "r": -0.2, "s": -0.1},
}


def total(architecture: dict[str, str]) -> float:
    return sum(EFFECTS[choice][name] for choice, name in architecture.items())


def rewarded(noise: float = 0.0, seed: int = 0, count: int = 24, group: int = 0) -> list[Rewarded]:
    luck = np.random.default_rng(seed).normal(size=count)
    order = np.random.default_rng(seed + 1).permutation(len(EVERY))[:count]
    return [
        Rewarded(EVERY[index], total(EVERY[index]) + noise * float(bump) + group, group)
        for index, bump in zip(order, luck, strict=True)
    ]


def flat(effects: dict[str, dict[str, float]]) -> list[float]:
    return [effects[choice][name] for choice, names in FULL.items() for name in names]


def test_effects_of_additive_rewards_are_found() -> None:
    model = fit_rewards(rewarded(), FULL)
    assert flat(model.effects) == pytest.approx(flat(EFFECTS), abs=0.01)
    assert model.explained > 0.99
    assert model(EVERY[0]) == pytest.approx(total(EVERY[0]), abs=0.02)


def test_effects_and_errors_are_those_of_the_posterior() -> None:
    known = rewarded(noise=0.1)
    model = fit_rewards(known, FULL)
    pairs = [(choice, name) for choice, names in FULL.items() for name in names]
    design = np.array([[float(r.architecture[c] == n) for c, n in pairs] for r in known])
    design -= design.mean(0)
    rewards = np.array([r.reward for r in known])
    rewards -= rewards.mean()
    size = len(known)

    def posterior(prior: float) -> tuple[float, np.ndarray, np.ndarray]:
        """By the textbook: twice the negative log evidence, mean and covariance."""
        marginal = np.eye(size) + prior * design @ design.T
        noise = rewards @ np.linalg.inv(marginal) @ rewards / (size - 1)
        surprise = np.linalg.slogdet(marginal)[1] + (size - 1) * np.log(noise)
        inverse = np.linalg.inv(design.T @ design + np.eye(len(pairs)) / prior)
        return surprise, inverse @ design.T @ rewards, noise * inverse

    _, mean, covariance = min(
        (posterior(prior) for prior in 10.0 ** np.arange(-4, 3)), key=lambda known: known[0]
    )
    for choice in FULL:
        rows = [float(c == choice) for c, _ in pairs]
        centre = np.diag(rows) - np.outer(rows, rows) / sum(rows)
        inside = np.array(rows) > 0
        effects, errors = (centre @ mean)[inside], np.diag(centre @ covariance @ centre)[inside]
        assert list(model.effects[choice].values()) == pytest.approx(effects.tolist(), abs=1e-9)
        assert list(model.errors[choice].values()) == pytest.approx(np.sqrt(errors).tolist())


def test_of_noise_little_is_believed() -> None:
    sizes, explained = [], []
    for seed in range(20):
        luck = np.random.default_rng(seed).normal(size=24).tolist()
        noise = [
            Rewarded(known.architecture, bump) for known, bump in zip(rewarded(), luck, strict=True)
        ]
        model = fit_rewards(noise, FULL)
        sizes.append(np.std(flat(model.effects)))
        explained.append(model.explained)
    assert np.median(sizes) < 0.1  # of a standard deviation of 1
    assert np.median(explained) < 0.05


def test_rewards_of_two_groups_may_differ_by_a_constant() -> None:
    both = rewarded(count=12) + rewarded(seed=5, count=12, group=7)
    model = fit_rewards(both, FULL)
    assert flat(model.effects) == pytest.approx(flat(EFFECTS), abs=0.02)


def test_errors_shrink_with_rewards_and_grow_with_noise() -> None:
    few, many = fit_rewards(rewarded(0.2, count=10), FULL), fit_rewards(rewarded(0.2), FULL)
    noisy = fit_rewards(rewarded(0.6), FULL)
    assert np.mean(flat(many.errors)) < np.mean(flat(few.errors))
    assert np.mean(flat(many.errors)) < np.mean(flat(noisy.errors))


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_table_counts_by_how_it_agrees(sign: float) -> None:
    table = {
        c: {n: sign * 10 * value for n, value in names.items()} for c, names in EFFECTS.items()
    }
    wrong = {c: {n: float(i) for i, n in enumerate(names)} for c, names in FULL.items()}
    model = fit_rewards(rewarded(0.05, count=6), FULL, {"right": table, "wrong": wrong})
    assert sign * model.weights["right"] > 5 * abs(model.weights["wrong"])
    found = np.corrcoef(flat(model.effects), flat(EFFECTS))[0, 1]
    alone = np.corrcoef(flat(fit_rewards(rewarded(0.05, count=6), FULL).effects), flat(EFFECTS))
    assert found > max(0.95, alone[0, 1])


@given(st.integers(0, 40), st.integers(0, 100))
def test_effects_are_finite_and_add_up_to_nothing(count: int, seed: int) -> None:
    known = rewarded(0.3, seed=seed, count=min(count, len(EVERY)))
    model = fit_rewards(known, FULL, {"half": {"a": {"x": 1.0}}})
    assert all(np.isfinite(flat(model.effects)))
    assert all(np.isfinite(flat(model.errors)))
    for names in model.effects.values():
        assert sum(names.values()) == pytest.approx(0.0, abs=1e-9)


def test_names_mean_nothing() -> None:
    """Renamed candidates have the same effects."""
    renamed = {c: {n: f"mb{i}_k3" for i, n in enumerate(names)} for c, names in FULL.items()}
    full = Subspace({c: tuple(names.values()) for c, names in renamed.items()})
    known = rewarded(0.1)
    other = [
        Rewarded({c: renamed[c][n] for c, n in r.architecture.items()}, r.reward) for r in known
    ]
    plain, changed = fit_rewards(known, FULL), fit_rewards(other, full)
    assert {c: {renamed[c][n]: v for n, v in e.items()} for c, e in plain.effects.items()} == (
        changed.effects
    )


def test_rewards_of_what_was_trained_alone_count_for_more_where_they_have_less_noise() -> None:
    """Beside many rewards that are mostly noise, few that are not are heard."""
    wrong: list[float] = []
    wrong_alike: list[float] = []
    for seed in range(10):
        noisy = rewarded(0.5, seed=seed, count=len(EVERY))
        exact = rewarded(0.01, seed=seed + 100, count=10, group=1)
        alone = [replace(known, is_alone=True) for known in exact]
        for errors, few in ((wrong, alone), (wrong_alike, exact)):
            found = fit_rewards([*noisy, *few], FULL).effects
            errors.append(np.abs(np.subtract(flat(found), flat(EFFECTS))).mean())
    assert np.mean(wrong) < 0.7 * np.mean(wrong_alike)


def test_what_was_trained_alone_counts_for_no_more_where_all_have_the_same_noise() -> None:
    """The evidence decides."""
    wrong: list[float] = []
    wrong_alike: list[float] = []
    for seed in range(10):
        known = rewarded(0.3, seed=seed, count=len(EVERY))
        alone = [replace(r, is_alone=index % 2 == 0) for index, r in enumerate(known)]
        for errors, each in ((wrong, alone), (wrong_alike, known)):
            errors.append(
                np.abs(np.subtract(flat(fit_rewards(each, FULL).effects), flat(EFFECTS))).mean()
            )
    assert np.mean(wrong) < 1.3 * np.mean(wrong_alike)


def test_rewards_with_shared_weights_that_say_the_contrary_are_not_believed_for_long() -> None:
    found: list[float] = []
    without: list[float] = []
    for seed in range(10):
        biased = [
            replace(known, reward=-known.reward) for known in rewarded(0.1, seed=seed, count=24)
        ]
        alone = [
            replace(known, is_alone=True)
            for known in rewarded(0.05, seed=seed + 50, count=12, group=1)
        ]
        assert fit_rewards(biased, FULL).agreement == 1.0
        model = fit_rewards([*biased, *alone], FULL)
        assert model.agreement <= 0.3
        for agreed, known in ((found, model), (without, fit_rewards(alone, FULL))):
            agreed.append(np.corrcoef(flat(known.effects), flat(EFFECTS))[0, 1])
    assert np.mean(found) > 0.8
    assert np.mean(found) > np.mean(without) - 0.1


def test_rewards_with_shared_weights_that_agree_help_where_few_were_trained_alone() -> None:
    found: list[float] = []
    without: list[float] = []
    for seed in range(10):
        shared = rewarded(0.1, seed=seed, count=24)
        alone = [
            replace(known, is_alone=True, reward=3 * known.reward)
            for known in rewarded(0.1, seed=seed + 50, count=4, group=1)
        ]
        for agreed, known in ((found, [*shared, *alone]), (without, alone)):
            effects = fit_rewards(known, FULL).effects
            agreed.append(np.corrcoef(flat(effects), flat(EFFECTS))[0, 1])
    assert np.mean(found) > np.mean(without) + 0.1


def correlation(model: RewardModel) -> float:
    return float(np.corrcoef(flat(model.effects), flat(EFFECTS))[0, 1])


def test_of_noise_what_is_expected_is_left() -> None:
    tables = {"right": EFFECTS, "more": EFFECTS}
    expecting, not_expecting = [], []
    for bumps in np.random.default_rng(0).normal(size=(20, 24)).tolist():
        noise = [Rewarded(k.architecture, b) for k, b in zip(rewarded(), bumps, strict=True)]
        expecting.append(correlation(fit_rewards(noise, FULL, tables, expected=tables)))
        not_expecting.append(correlation(fit_rewards(noise, FULL, tables)))
    assert np.median(not_expecting) < 0.5
    assert np.median(expecting) > 0.9


def test_rewards_that_say_the_contrary_of_what_is_expected_overrule_it() -> None:
    wrong = {c: {n: -value for n, value in names.items()} for c, names in EFFECTS.items()}
    model = fit_rewards(rewarded(0.05), FULL, {"wrong": wrong}, expected=["wrong"])
    assert correlation(model) > 0.95


def test_after_brief_training_what_is_expected_counts_beside_rewards() -> None:
    wrong = {c: {n: -value for n, value in names.items()} for c, names in EFFECTS.items()}
    said = []
    for fraction in (0.01, 0.6, 1.0):
        known = [replace(r, fraction=fraction) for r in rewarded(0.05)]
        model = fit_rewards(known, FULL, {"wrong": wrong}, expected=["wrong"])
        assert correlation(model) > 0.95
        final = model.final_effects()
        promises = [model.in_the_end(taken) for taken in EVERY]
        sums = [sum(final[c][n] for c, n in taken.items()) for taken in EVERY]
        assert promises == pytest.approx(sums)
        said.append(float(np.corrcoef(flat(final), flat(EFFECTS))[0, 1]))
    assert said[0] < -0.9 < 0.5 < said[1] < said[2]
    assert final == model.effects
    assert model.gain(EVERY[0]) == 0
    assert model.gain(EVERY[0], 0.01) != 0


def test_what_is_to_come_is_in_the_deviations_of_the_rewards() -> None:
    tables = {"right": EFFECTS}
    gains = []
    for times in (1.0, 10.0):
        known = [replace(r, reward=times * r.reward, fraction=0.1) for r in rewarded(0.05)]
        model = fit_rewards(known, FULL, tables, expected=tables)
        assert model.deviation == pytest.approx(np.std([r.reward for r in known]), rel=0.5)
        gains.append(model.gain(EVERY[0]))
    assert gains[1] == pytest.approx(10 * gains[0], rel=0.05)


def test_with_what_is_expected_effects_are_those_of_the_posterior_too() -> None:
    """Against the textbook, where the deviation of the noise is looked for on a grid."""
    known = rewarded(noise=0.3, count=12)
    pairs = [(choice, name) for choice, names in FULL.items() for name in names]
    table = {c: {n: float(len(n) + i) for i, n in enumerate(names)} for c, names in FULL.items()}
    said_P = np.array([table[c][n] - np.mean(list(table[c].values())) for c, n in pairs])
    taken_NP = np.array([[float(r.architecture[c] == n) for c, n in pairs] for r in known])
    of_choice = np.array([1.0 / len(FULL[c]) for c, _ in pairs])
    deviation = np.sqrt(of_choice @ said_P**2)
    design = np.column_stack([taken_NP, taken_NP @ said_P / deviation])
    design -= design.mean(0)
    rewards = np.array([r.reward for r in known]) - np.mean([r.reward for r in known])
    num_effective, size = sum(1 - 1 / len(names) for names in FULL.values()), len(known)

    def fitted(of_candidates: float, of_tables: float, part: float) -> tuple[float, np.ndarray]:
        """Twice the negative log evidence, and the mean of the coefficients."""
        prior = np.diag([of_candidates] * len(pairs) + [of_tables])
        expected = np.zeros(len(pairs) + 1)
        expected[-1] = part * np.sqrt(of_candidates * num_effective + of_tables)
        covariance = np.eye(size) + design @ prior @ design.T
        deviations = np.geomspace(0.01, 2, 4001)
        beyond = rewards - deviations[:, None] * (design @ expected)
        squares = np.einsum("sn,nm,sm->s", beyond, np.linalg.inv(covariance), beyond)
        surprises = 2 * (size - 1) * np.log(deviations) + squares / deviations**2
        least = int(surprises.argmin())
        gained = prior @ design.T @ np.linalg.inv(covariance) @ beyond[least]
        surprise = np.linalg.slogdet(covariance)[1] + surprises[least] + (part - 0.5) ** 2
        return surprise, deviations[least] * expected + gained

    variances = 10.0 ** np.arange(-4, 3)
    grid = itertools.product(variances, variances, (0.0, 0.5, 1.0))
    _, mean = min((fitted(*prior) for prior in grid), key=lambda one: one[0])
    model = fit_rewards(known, FULL, {"table": table}, expected=["table"])
    effects_P = mean[:-1] + mean[-1] * said_P / deviation
    for choice in FULL:
        inside = np.array([c == choice for c, _ in pairs])
        centred = effects_P[inside] - effects_P[inside].mean()
        assert list(model.effects[choice].values()) == pytest.approx(centred.tolist(), abs=2e-3)


def test_nothing_gains_more_than_differences_can_be_in_the_end() -> None:
    wrong = {c: {n: -value for n, value in names.items()} for c, names in EFFECTS.items()}
    known = [replace(r, fraction=0.01) for r in rewarded(0.05)]
    said = {"wrong": wrong}
    free = fit_rewards(known, FULL, said, said)
    bounded = replace(free, largest_deviation=0.1)
    promised = [model.gain(EVERY[0]) for model in (bounded, free)]
    assert promised[0] / promised[1] == pytest.approx(
        0.1 / (free.deviation / deviation_after(0.01))
    )
    after = np.corrcoef(flat(bounded.final_effects()), flat(EFFECTS))[0, 1]
    assert after > 0.9, "differences as large as they can be stay as they are"
