import dataclasses

import pytest

from radars.engine.phases.discretisation import discretisation_scores
from radars.space import Keep, Subspace
from radars.space.keep import best_keeping

RULE = Keep(("a", "b", "c"), 2)
FULL = Subspace(dict.fromkeys("abc", ("none", "x", "y")) | {"d": ("u", "v")})
LOGITS = {
    "a": {"none": 9.0, "x": 1.0, "y": 0.0},  # mostly nothing
    "b": {"none": 0.0, "x": 0.5, "y": 0.0},
    "c": {"none": 0.0, "x": 0.0, "y": 0.4},
    "d": {"u": 0.0, "v": 0.1},
}


def test_the_edges_with_the_largest_weights_are_kept() -> None:
    scores = discretisation_scores(LOGITS, [RULE])
    assert dict(best_keeping([RULE], scores, FULL)) == {"a": "none", "b": "x", "c": "y", "d": "v"}
    assert scores["d"] == LOGITS["d"]


def test_weighed_together_an_edge_counts_by_what_its_logits_have_in_common() -> None:
    together = dataclasses.replace(RULE, weighed_together=True)
    scores = discretisation_scores(LOGITS, [together])
    # nothing takes part in the weights of all edges alike
    assert dict(best_keeping([together], scores, FULL)) == {
        "a": "x",
        "b": "x",
        "c": "none",
        "d": "v",
    }


def test_nothing_does_not_compete() -> None:
    logits = LOGITS | {
        "a": {"none": 0.0, "x": 3.0, "y": 0.0},
        "b": {"none": 3.0, "x": 3.0, "y": 0.0},
    }
    scores = discretisation_scores(logits, [RULE])
    assert scores["b"]["none"] == 0.0
    assert scores["a"]["x"] == pytest.approx(-0.0949, abs=1e-3)
    assert best_keeping([RULE], scores, FULL)["b"] == "x"
