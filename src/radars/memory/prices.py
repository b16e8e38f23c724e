"""What each candidate adds to the memory of a supernet, from a trace of it alone.

Prices order the candidates and guide the plan; whether a plan fits is decided by an exact trace.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, replace

import torch
from torch import Tensor

from radars.cost import PriceCache, price_places
from radars.memory.predict import TrainingSpec
from radars.memory.tracker import MemoryTracker, Part
from radars.nn.memory_saving.channel_splitting import in_parts
from radars.nn.memory_saving.savings import PLAIN, MemorySavings
from radars.nn.optimizer import state_tensors
from radars.nn.steps import autocast
from radars.space import Factory, Place, SearchSpace, building, built

_KEPT_OF_SAVED = 0.45  # where what is cheap is recomputed: 0.38 to 0.5, of transformers 0.7


@dataclass(frozen=True)
class Price:
    """Bytes that a live candidate adds to a training step; its savings recompute it or do not.

    Attributes:
        resident: weights, buffers and optimizer state.
        saved: what its forward pass keeps for the backward pass, its output too.
        gradients: the gradients of its weights.
        working: the most that the rest of its step holds beside all that; one candidate of a path
            at a time.
        spared: how much less of what is saved and working is there at once where it runs in parts
            of its channels; 0 where nobody asked.
    """

    resident: int = 0
    saved: int = 0
    gradients: int = 0
    working: int = 0
    spared: int = 0

    def staying(self, savings: MemorySavings) -> float:
        """What it adds for as long as it is live."""
        return self.resident + self.gradients + self.saved_by(savings)

    def saved_by(self, savings: MemorySavings) -> float:
        """What it adds from its forward pass to its backward pass."""
        if savings.recompute:
            return 0.0
        kept = _KEPT_OF_SAVED if savings.selective else 1.0
        return kept * self.saved / savings.micro_batches

    def passing(self, savings: MemorySavings) -> float:
        """What it holds only while its part of the backward pass runs."""
        if not savings.recompute:
            return self.working / savings.micro_batches
        spared = self.spared if savings.split_channels else 0
        return (self.saved + self.working - spared) / savings.micro_batches

    def sparing(self, peak_in_parts_bytes: int) -> "Price":
        """With what it spares in parts of its channels, from their peak; 0 where it has none."""
        peak_bytes = self.saved + self.gradients + self.working
        spared = max(0, peak_bytes - peak_in_parts_bytes) if peak_in_parts_bytes else 0
        return replace(self, spared=spared)

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


def training_prices(
    space: SearchSpace,
    spec: TrainingSpec,
    cache: PriceCache | None = None,
    *,
    split_channels: bool = False,
) -> tuple[tuple[str, Prices], ...]:
    """Prices every candidate at each place of a space: its choice, and candidate to price.

    Each distinct candidate and input shape is traced once, on fake tensors, or found in the cache.

    Args:
        space: the search space.
        spec: batch, optimizer, precision.
        cache: a cache of prices on disk; None for none.
        split_channels: whether to trace, too, what is spared in parts of the channels. It takes as
            long again; otherwise nothing is.
    """

    def price(factory: Factory, place: Place) -> tuple[int, ...]:
        return astuple(_price(factory, place, spec))

    def peak_in_parts(factory: Factory, place: Place) -> tuple[int]:
        return (_peak_in_parts(factory, place, spec),)

    about = _dependencies(spec)
    plain = price_places(space, spec.input_shape, price, about, cache)
    priced = [
        (place.choice, {name: Price(*numbers) for name, numbers in prices.items()})
        for place, prices in plain
    ]
    if split_channels:
        parts = price_places(space, spec.input_shape, peak_in_parts, ("parts", *about), cache)
        priced = [
            (choice, {name: price.sparing(peaks[name][0]) for name, price in prices.items()})
            for (choice, prices), (_, peaks) in zip(priced, parts, strict=True)
        ]
    return tuple(priced)


def extra_prices(
    space: SearchSpace, spec: TrainingSpec, live: Mapping[str, Sequence[str]]
) -> dict[str, Price]:
    """What live candidates hold beyond their traces, found by running each alone on the device.

    Args:
        space: the search space.
        spec: batch, optimizer, precision.
        live: choice to its live candidates.

    Returns:
        Candidate, as `choice/name`, to what it keeps and makes beyond that, over all its places.
    """
    extra: dict[str, Price] = {}
    for place in space.places(spec.input_shape):
        for name in live[place.choice]:
            factory = place.factories[name]
            traced, real = _price(factory, place, spec), _price(factory, place, spec, is_real=True)
            saved = max(0, real.saved - traced.saved)
            more = real.saved + real.working - traced.saved - traced.working
            price = Price(saved=saved, working=max(0, more - saved))
            key = f"{place.choice}/{name}"
            extra[key] = extra[key] + price if key in extra else price
    return extra


def held_bytes(
    places: Sequence[tuple[str, Prices]],
    live: Mapping[str, Sequence[str]],
    savings: MemorySavings = PLAIN,
) -> float:
    """What live candidates add to the peak of a training step.

    When the backward pass is at a place, what the places before it saved is there still, and the
    gradients of those behind it are there already; in a later part of a batch, all gradients.

    Args:
        places: the places of the space, in the order of the forward pass.
        live: choice to its live candidates.
        savings: what trades time for memory.
    """
    prices = [[by_name[name] for name in live[choice]] for choice, by_name in places]
    resident = sum(price.resident for at_place in prices for price in at_place)
    gradients = sum(price.gradients for at_place in prices for price in at_place)
    saved, peak = 0.0, float(gradients)
    savings_at = savings.of_candidates([len(at_place) for at_place in prices])
    for at_place, own_savings in zip(prices, savings_at, strict=True):
        saved += sum(map(Price.saved_by, at_place, own_savings))
        passing = max(map(Price.passing, at_place, own_savings), default=0.0)
        peak = max(peak, saved + gradients + passing)
        if savings.micro_batches == 1:
            gradients -= sum(price.gradients for price in at_place)
    return resident + peak


def _dependencies(spec: TrainingSpec) -> tuple[object, ...]:
    """What a price depends on beside the candidate and its inputs' shapes."""
    optimizer = spec.optimizer.model_dump_json()
    imitated = ("cuda_operators",) if spec.is_imitated else ()
    return spec.batch_size, optimizer, spec.precision, spec.device_type, spec.device.type, *imitated


def _price(factory: Factory, place: Place, spec: TrainingSpec, *, is_real: bool = False) -> Price:
    """Traces a training step of one candidate, or runs it on the device."""
    with _running(spec.device) if is_real else spec.tracing():
        step = _Step(factory, place, spec)
        saved_bytes, peak_bytes = step.traced(step.candidate)
        gradient_bytes = sum(parameter.nbytes for parameter in step.candidate.parameters())
        return Price(
            resident=step.tracker(step.resident).now_bytes,
            saved=saved_bytes,
            gradients=gradient_bytes,
            working=max(0, peak_bytes - saved_bytes - gradient_bytes),
        )


@contextmanager
def _running(device: torch.device) -> Iterator[None]:
    """Within, steps are run whose values nobody reads: the random numbers are as before after."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        yield


def _peak_in_parts(factory: Factory, place: Place, spec: TrainingSpec) -> int:
    """Traces a training step in parts of the channels; 0 where a candidate does not allow that."""
    with spec.tracing():
        step = _Step(factory, place, spec)
        parts = in_parts(step.candidate)
        return 0 if parts is step.candidate else step.traced(parts)[1]


class _Step:
    """A training step of one candidate alone, on fake tensors."""

    def __init__(self, factory: Factory, place: Place, spec: TrainingSpec) -> None:
        self._spec = spec
        with building(spec.device):
            self.candidate = built(factory)
        self._leaves = [
            torch.empty(spec.batch_size, *shape[1:], device=spec.device, requires_grad=True)
            for shape in place.input_shapes
        ]
        parameters = list(self.candidate.parameters())
        self._optimizer = spec.optimizer.build(parameters) if parameters else None
        self.resident: list[Tensor] = [*parameters, *self.candidate.buffers()]
        if self._optimizer is not None:
            self.resident += state_tensors(self._optimizer)

    def tracker(self, resident: Sequence[Tensor]) -> MemoryTracker:
        """A tracker that knows what is there before a step."""
        spec = self._spec
        return MemoryTracker({Part.PARAMETERS: resident}, spec.device, spec.device_type)

    def traced(self, function: Callable[..., Tensor]) -> tuple[int, int]:
        """The bytes that are there after a forward pass, and the most in the whole step."""
        inputs = [tensor.clone() for tensor in self._leaves]  # as what comes before it gives
        tracker = self.tracker([*self.resident, *inputs])
        before_bytes = tracker.now_bytes
        with tracker:
            with autocast(self._spec.device, self._spec.precision):
                output = function(*inputs)
            saved_bytes = tracker.now_bytes - before_bytes
            if output.requires_grad:  # not that of a candidate that returns zeros
                output.backward(torch.empty_like(output))  # type: ignore[no-untyped-call]
            if self._optimizer is not None:
                self._optimizer.step()
                self._optimizer.zero_grad()
        return saved_bytes, tracker.peak_bytes - before_bytes
