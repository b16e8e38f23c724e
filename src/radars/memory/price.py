"""What each candidate adds to the memory of a supernet, from a trace of it alone.

Prices order the candidates and guide the plan; whether a plan fits is decided by an exact trace.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from radars.memory.predict import TrainingSpec
from radars.memory.tracker import MemoryTracker, Part
from radars.nn.optimizer import state_tensors
from radars.nn.steps import autocast
from radars.space import Place, SearchSpace


@dataclass(frozen=True)
class Price:
    """Bytes that a live candidate adds to a training step.

    Attributes:
        resident: weights, buffers and optimizer state.
        saved: what its forward pass keeps for the backward pass, its output too.
    """

    resident: int = 0
    saved: int = 0

    def __add__(self, other: "Price") -> "Price":
        return Price(self.resident + other.resident, self.saved + other.saved)


def candidate_prices(
    space: SearchSpace, spec: TrainingSpec
) -> Mapping[str, Mapping[str, Price]]:
    """Prices every candidate of a space: choice to candidate to its price, over all its places.

    Each distinct candidate and input shape is traced once, on fake tensors.
    """
    prices = {name: dict.fromkeys(names, Price()) for name, names in space.full.items()}
    known: dict[object, Price] = {}
    for place in space.places(spec.input_shape):
        for name, factory in place.factories.items():
            with FakeTensorMode(), torch.device(spec.device_type):
                candidate = factory()
                key = _content(candidate, place)
                if key not in known:
                    known[key] = _price(candidate, place, spec)
            prices[place.choice][name] += known[key]
    return prices


def _price(candidate: nn.Module, place: Place, spec: TrainingSpec) -> Price:
    device = torch.device(spec.device_type)
    inputs = [
        torch.empty(spec.batch_size, *shape[1:], device=device, requires_grad=True)
        for shape in place.input_shapes
    ]
    with autocast(device, spec.precision):
        _run(candidate, inputs).sum().backward()  # type: ignore[no-untyped-call]
    parameters = list(candidate.parameters())
    resident: list[Tensor] = [*parameters, *candidate.buffers()]
    if parameters:
        optimizer = spec.optimizer.build(parameters)
        optimizer.step()
        optimizer.zero_grad()
        resident += state_tensors(optimizer)
    tracker = MemoryTracker({Part.PARAMETERS: [*resident, *inputs]}, device)
    resident_bytes = tracker.now_bytes - sum(tensor.nbytes for tensor in inputs)
    with tracker, autocast(device, spec.precision):
        before_bytes = tracker.now_bytes
        output = _run(candidate, inputs)
        saved_bytes = tracker.now_bytes - before_bytes
    del output
    return Price(resident_bytes, saved_bytes)


def _run(candidate: nn.Module, inputs: list[Tensor]) -> Tensor:
    output = candidate(*inputs)
    assert isinstance(output, Tensor)
    # the mixture keeps each candidate's weighted output: an identity's, too
    return output * 1.0


def _content(candidate: nn.Module, place: Place) -> tuple[object, ...]:
    """What tells two candidates apart: their classes, settings, weights' and inputs' shapes."""
    return (
        str(candidate),
        tuple(type(module).__qualname__ for module in candidate.modules()),
        tuple((name, tuple(tensor.shape)) for name, tensor in candidate.state_dict().items()),
        place.input_shapes,
    )
