"""The weights of mixtures, from logits."""

import torch

from radars.nn.architecture_logits import ArchitectureLogits
from radars.nn.mixture_weights import mixture_weights, probabilities_of
from radars.nn.relaxation import Softmax
from radars.space import Choice, Subspace

LOGITS = {"a": torch.tensor([1.0, 2.0]), "b": torch.tensor([0.0, 3.0, 1.0])}


def test_each_choice_has_weights_of_its_own() -> None:
    weights = mixture_weights(LOGITS, Softmax())
    assert all(torch.equal(weights[choice], LOGITS[choice].softmax(-1)) for choice in LOGITS)


def test_choices_that_are_weighed_together_add_up_to_one() -> None:
    alone = {"c": torch.tensor([5.0, 4.0])}
    weights = mixture_weights({**LOGITS, **alone}, Softmax(), [("b", "a", "elsewhere")])
    together = torch.cat([LOGITS["b"], LOGITS["a"]]).softmax(-1)
    assert torch.equal(torch.cat([weights["b"], weights["a"]]), together)
    assert torch.equal(weights["c"], alone["c"].softmax(-1))


def test_a_logit_that_decides_nothing_has_no_gradient() -> None:
    choices = [Choice("a", ("x", "y", "z"), 1), Choice("b", ("x", "y"), 1)]
    logits = ArchitectureLogits(choices, None, "cpu")
    logits.set({"a": {"x": 1.0, "y": 2.0, "z": 9.0}, "b": {"x": 1.0, "y": 2.0}})
    found = probabilities_of(logits, Softmax(), Subspace({"a": ["y", "x"], "b": ["y"]}))
    assert torch.equal(found["a"].detach(), torch.tensor([2.0, 1.0]).softmax(-1))
    assert torch.equal(found["b"], torch.ones(1))
    found["a"][0].backward()  # type: ignore[no-untyped-call]
    of_a, of_b = (logit_C.grad for logit_C in logits)
    assert of_b is None
    assert of_a is not None
    assert of_a[2] == 0
