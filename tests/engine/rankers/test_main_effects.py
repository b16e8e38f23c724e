import itertools

import numpy as np
import pytest

from radars.engine.rankers.main_effects import main_effects
from radars.space import Architecture, Subspace

FULL = Subspace({"a": ("x", "y", "z"), "b": ("x", "y")})
PLANTED = {"a": {"x": -0.1, "y": 0.0, "z": 0.1}, "b": {"x": -0.05, "y": 0.05}}


def accuracy(architecture: Architecture) -> float:
    return 0.5 + sum(PLANTED[choice][name] for choice, name in architecture.items())


def everyone() -> list[Architecture]:
    return [Architecture({"a": a, "b": b}) for a in FULL["a"] for b in FULL["b"]]


def test_planted_effects_are_found() -> None:
    effects = main_effects(everyone() * 5, [accuracy(a) for a in everyone()] * 5, FULL)
    for choice, planted in PLANTED.items():
        assert effects[choice] == pytest.approx(planted, abs=2e-3)


def test_noise_shrinks_the_effects_but_not_their_order() -> None:
    noise = np.random.default_rng(0).normal(0, 0.05, 60)
    accuracies = [accuracy(a) + e for a, e in zip(everyone() * 10, noise, strict=True)]
    effects = main_effects(everyone() * 10, accuracies, FULL)
    assert effects["a"]["x"] < effects["a"]["y"] < effects["a"]["z"]
    assert effects["b"]["x"] < effects["b"]["y"]


def test_what_was_never_drawn_has_no_effect() -> None:
    drawn = [a for a in everyone() if a["a"] != "z"]
    assert main_effects(drawn, [accuracy(a) for a in drawn], FULL)["a"]["z"] == 0.0


def test_equal_accuracies_have_no_effects() -> None:
    effects = main_effects(everyone()[:1] * 2, [0.5, 0.5], FULL)
    assert {e for known in effects.values() for e in known.values()} == {0.0}


def test_what_a_part_of_a_name_adds_is_learned_from_all_that_have_it() -> None:
    """Of 152 candidates' effects, from 60 draws; told apart one by one the correlation is 0.61."""
    sizes, kernels = {"mb2": -0.02, "mb4": 0.0, "mb6": 0.02}, {"k3": 0.01, "k5": 0.0, "k7": -0.03}
    gates = {"": 0.0, "_se": 0.02}
    planted = {
        f"{size}_{kernel}{gate}": sizes[size] + kernels[kernel] + gates[gate]
        for size, kernel, gate in itertools.product(sizes, kernels, gates)
    } | {"skip": -0.05}
    full = Subspace({choice: tuple(planted) for choice in "abcdefgh"})
    generator = np.random.default_rng(0)
    drawn = [
        Architecture({choice: str(generator.choice(list(planted))) for choice in full})
        for _ in range(60)
    ]
    noise = generator.normal(0, 0.03, len(drawn))
    accuracies = [
        0.5 + sum(planted[name] for name in architecture.values()) + error
        for architecture, error in zip(drawn, noise, strict=True)
    ]
    effects = main_effects(drawn, accuracies, full)
    found = [effects[choice][name] for choice in full for name in planted]
    assert np.corrcoef(found, [*planted.values()] * len(full))[0, 1] > 0.75
