"""What each candidate adds to the memory of a supernet, from a trace of it alone.

Prices order the candidates and guide the plan; whether a plan fits is decided by an exact trace.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from radars.cost import PriceCache, price_places
from radars.memory.predict import TrainingSpec, without_collector
from radars.memory.tracker import MemoryTracker, Part
from radars.nn.levers import PLAIN, Levers
from radars.nn.optimizer import state_tensors
from radars.nn.split_channels import in_parts
from radars.nn.steps import autocast
from radars.space import Factory, Place, SearchSpace, building


@dataclass(frozen=True)
class Price:
    """Bytes that a live candidate adds to a training step; its levers recompute it or do not.

    Attributes:
        resident: weights, buffers and optimizer state.
        saved: what its forward pass keeps for the backward pass, its output too.
        gradients: of its weights.
        working: the most that the rest of its step holds beside all that; one candidate of a path
            at a time.
        spared: how much less of what is saved and working is there at once where it runs in parts
            of its channels.
    """

    resident: int = 0
    saved: int = 0
    gradients: int = 0
    working: int = 0
    spared: int = 0

    def staying(self, levers: Levers) -> float:
        """What it adds for as long as it is live."""
        return self.resident + self.gradients + self.saved_by(levers)

    def saved_by(self, levers: Levers) -> float:
        """What it adds from its forward pass to its backward pass."""
        return 0.0 if levers.recompute else self.saved / levers.micro_batches

    def passing(self, levers: Levers) -> float:
        """What it holds only while its part of the backward pass runs."""
        if not levers.recompute:
            return self.working / levers.micro_batches
        spared = self.spared if levers.split_channels else 0
        return (self.saved + self.working - spared) / levers.micro_batches

    def __add__(self, other: "Price") -> "Price":
        return Price(
            self.resident + other.resident,
            self.saved + other.saved,
            self.gradients + other.gradients,
            max(self.working, other.working),
            min(self.spared, other.spared),
        )


Prices = Mapping[str, Price]
"""Candidate to price, at one place."""


def place_prices(
    space: SearchSpace, spec: TrainingSpec, cache: PriceCache | None = None
) -> tuple[tuple[str, Prices], ...]:
    """Prices every candidate at each place of a space: its choice, and candidate to price.

    Each distinct candidate and input shape is traced once, on fake tensors, or found in the cache.
    """

    def price(factory: Factory, place: Place) -> tuple[int, ...]:
        return astuple(_price(factory, place, spec))

    places = price_places(space, spec.input_shape, price, _dependencies(spec), cache)
    return tuple(
        (place.choice, {name: Price(*numbers) for name, numbers in prices.items()})
        for place, prices in places
    )


def held_bytes(
    places: Sequence[tuple[str, Prices]],
    live: Mapping[str, Sequence[str]],
    levers: Levers = PLAIN,
) -> float:
    """What live candidates add to the peak of a training step.

    When the backward pass is at a place, what the places before it saved is there still, and the
    gradients of those behind it are there already; in a later part of a batch, all gradients.

    Args:
        places: of the space, in the order of the forward pass.
        live: choice to its live candidates.
        levers: what trades time for memory.
    """
    prices = [[by_name[name] for name in live[choice]] for choice, by_name in places]
    resident = sum(price.resident for at_place in prices for price in at_place)
    gradients = sum(price.gradients for at_place in prices for price in at_place)
    saved, peak = 0.0, float(gradients)
    levers_at = levers.of_candidates([len(at_place) for at_place in prices])
    for at_place, own_levers in zip(prices, levers_at, strict=True):
        saved += sum(map(Price.saved_by, at_place, own_levers))
        passing = max(map(Price.passing, at_place, own_levers), default=0.0)
        peak = max(peak, saved + gradients + passing)
        if levers.micro_batches == 1:
            gradients -= sum(price.gradients for price in at_place)
    return resident + peak


def _dependencies(spec: TrainingSpec) -> tuple[object, ...]:
    """What a price depends on beside the candidate and its inputs' shapes."""
    optimizer = spec.optimizer.model_dump_json()
    return spec.batch_size, optimizer, spec.precision, spec.device_type


def _price(factory: Factory, place: Place, spec: TrainingSpec) -> Price:
    """Traces a training step of one candidate."""
    with FakeTensorMode(), without_collector():
        return _price_on_fakes(factory, place, spec)


def _price_on_fakes(factory: Factory, place: Place, spec: TrainingSpec) -> Price:
    device = spec.device
    with building(device):
        candidate = factory()
    leaves = [
        torch.empty(spec.batch_size, *shape[1:], device=device, requires_grad=True)
        for shape in place.input_shapes
    ]
    parameters = list(candidate.parameters())
    optimizer = spec.optimizer.build(parameters) if parameters else None

    resident: list[Tensor] = [*parameters, *candidate.buffers()]
    if optimizer is not None:
        resident += state_tensors(optimizer)

    def traced(function: Callable[..., Tensor]) -> tuple[int, int]:
        """The bytes that are there after a forward pass, and the most in the whole step."""
        inputs = [tensor.clone() for tensor in leaves]  # as a candidate may begin in place
        tracker = MemoryTracker({Part.PARAMETERS: [*resident, *inputs]}, device)
        before_bytes = tracker.now_bytes
        with tracker:
            with autocast(device, spec.precision):
                output = function(*inputs)
            saved_bytes = tracker.now_bytes - before_bytes
            if output.requires_grad:  # not that of a candidate that returns zeros
                output.backward(torch.empty_like(output))  # type: ignore[no-untyped-call]
            if optimizer is not None:
                optimizer.step()
                optimizer.zero_grad()
            for tensor in leaves:
                tensor.grad = None
            del output
        return saved_bytes, tracker.peak_bytes - before_bytes

    saved_bytes, peak_bytes = traced(candidate)
    parts = in_parts(candidate)
    peak_in_parts_bytes = peak_bytes if parts is candidate else traced(parts)[1]
    gradient_bytes = sum(parameter.nbytes for parameter in parameters)
    return Price(
        resident=MemoryTracker({Part.PARAMETERS: resident}, device).now_bytes,
        saved=saved_bytes,
        gradients=gradient_bytes,
        working=max(0, peak_bytes - saved_bytes - gradient_bytes),
        spared=max(0, peak_bytes - peak_in_parts_bytes),
    )
