"""What each candidate adds to the memory of a supernet, from a trace of it alone.

Prices order the candidates and guide the plan; whether a plan fits is decided by an exact trace.
"""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from radars.memory.levers import PLAIN, Levers
from radars.memory.predict import TrainingSpec, without_collector
from radars.memory.price_cache import PriceCache, price_key
from radars.memory.tracker import MemoryTracker, Part
from radars.nn.optimizer import state_tensors
from radars.nn.steps import autocast
from radars.space import Factory, Place, SearchSpace, building, content_of


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
        return self.resident + self.gradients + self.saved_by(levers)

    def saved_by(self, levers: Levers) -> float:
        """What it adds from its forward pass to its backward pass."""
        return 0.0 if levers.recompute else self.saved / levers.micro_batches

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


Prices = Mapping[str, Price]
"""Candidate to price, at one place."""


def place_prices(
    space: SearchSpace, spec: TrainingSpec, cache: PriceCache | None = None
) -> tuple[tuple[str, Prices], ...]:
    """Prices every candidate at each place of a space: its choice, and candidate to price.

    Each distinct candidate and input shape is traced once, on fake tensors, or found in the cache.
    """
    on_disk = {} if cache is None else cache.read()
    new: dict[str, tuple[int, ...]] = {}
    known: dict[object, Price] = {}
    places = []
    for place in space.places(spec.input_shape):
        prices: dict[str, Price] = {}
        for name, factory in place.factories.items():
            with building(torch.device("meta")):
                candidate = factory()
            own = content_of(candidate)
            content = (own, place.input_shapes)
            if own is None or content not in known:
                key = price_key(candidate, (place.input_shapes, *_dependencies(spec)))
                if key is not None and key in on_disk:
                    known[content] = Price(*on_disk[key])
                else:
                    known[content] = _price(factory, place, spec)
                    new |= {} if key is None else {key: astuple(known[content])}
            prices[name] = known[content]
        places.append((place.choice, prices))
    if cache is not None and new:
        cache.add(new)
    return tuple(places)


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
    for at_place in prices:
        saved += sum(price.saved_by(levers) for price in at_place)
        passing = max((price.passing(levers) for price in at_place), default=0.0)
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
