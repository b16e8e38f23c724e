"""What each candidate adds to the memory of a supernet, from a trace of it alone.

Prices order the candidates and guide the plan; whether a plan fits is decided by an exact trace.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from radars.memory.levers import Levers
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
        gradients: of its weights.
        working: the most that the rest of its step holds beside all that; one candidate of a path
            at a time.
    """

    resident: int = 0
    saved: int = 0
    gradients: int = 0
    working: int = 0

    def staying(self, levers: Levers) -> float:
        """What it adds for as long as it is live."""
        kept = 0.0 if levers.recompute else self.saved / levers.micro_batches
        return self.resident + self.gradients + kept

    def passing(self, levers: Levers) -> float:
        """What it holds only while its part of the backward pass runs."""
        again = self.saved if levers.recompute else 0
        return (again + self.working) / levers.micro_batches

    def __add__(self, other: "Price") -> "Price":
        return Price(
            self.resident + other.resident,
            self.saved + other.saved,
            self.gradients + other.gradients,
            max(self.working, other.working),
        )


def place_prices(
    space: SearchSpace, spec: TrainingSpec
) -> tuple[tuple[str, Mapping[str, Price]], ...]:
    """Prices every candidate at each place of a space: its choice, and candidate to price.

    Each distinct candidate and input shape is traced once, on fake tensors.
    """
    known: dict[object, Price] = {}
    places = []
    for place in space.places(spec.input_shape):
        prices: dict[str, Price] = {}
        for name, factory in place.factories.items():
            with FakeTensorMode(), spec.device:
                candidate = factory()
                key = _content(candidate, place)
                if key not in known:
                    known[key] = _price(candidate, place, spec)
            prices[name] = known[key]
        places.append((place.choice, prices))
    return tuple(places)


def path_bytes(
    places: Sequence[tuple[str, Mapping[str, Price]]], architecture: Mapping[str, str]
) -> int:
    """What the candidates of one path add to the peak of a training step.

    When the backward pass is at a place, what the places before it saved is there still, and the
    gradients of those behind it are there already.
    """
    prices = [by_name[architecture[choice]] for choice, by_name in places]
    saved, gradients = 0, sum(price.gradients for price in prices)
    peak = gradients
    for price in prices:
        saved += price.saved
        peak = max(peak, saved + gradients + price.working)
        gradients -= price.gradients
    return sum(price.resident for price in prices) + peak


def _price(candidate: nn.Module, place: Place, spec: TrainingSpec) -> Price:
    device = spec.device
    leaves = [
        torch.empty(spec.batch_size, *shape[1:], device=device, requires_grad=True)
        for shape in place.input_shapes
    ]
    parameters = list(candidate.parameters())
    optimizer = spec.optimizer.build(parameters) if parameters else None

    def forward(inputs: list[Tensor]) -> Tensor:
        with autocast(device, spec.precision):
            output = candidate(*inputs)
        assert isinstance(output, Tensor)
        return output

    def finish(output: Tensor) -> None:
        if output.requires_grad:  # not that of a candidate that returns zeros
            output.backward(torch.empty_like(output))  # type: ignore[no-untyped-call]
        if optimizer is not None:
            optimizer.step()
            optimizer.zero_grad()
        for tensor in leaves:
            tensor.grad = None

    resident: list[Tensor] = [*parameters, *candidate.buffers()]
    if optimizer is not None:
        resident += state_tensors(optimizer)
    inputs = [tensor.clone() for tensor in leaves]  # as a candidate may begin in place
    tracker = MemoryTracker({Part.PARAMETERS: [*resident, *inputs]}, device)
    before_bytes = tracker.now_bytes
    with tracker:
        output = forward(inputs)
        saved_bytes = tracker.now_bytes - before_bytes
        finish(output)
        del output
    gradient_bytes = sum(parameter.nbytes for parameter in parameters)
    return Price(
        resident=before_bytes - sum(tensor.nbytes for tensor in inputs),
        saved=saved_bytes,
        gradients=gradient_bytes,
        working=max(0, tracker.peak_bytes - before_bytes - saved_bytes - gradient_bytes),
    )


def _content(candidate: nn.Module, place: Place) -> tuple[object, ...]:
    """What tells two candidates apart: their classes, settings, weights' and inputs' shapes."""
    return (
        str(candidate),
        tuple(type(module).__qualname__ for module in candidate.modules()),
        tuple((name, tuple(tensor.shape)) for name, tensor in candidate.state_dict().items()),
        place.input_shapes,
    )
