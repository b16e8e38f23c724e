"""The memory of an inference: what a forward pass without gradients holds at its peak, in bytes.

It is no sum over candidates, but the largest of a few. While a candidate runs, the weights of all
are there, what the rest of the network holds at that place, and what the candidate itself makes. So
for each place of a choice there is one sum, and one for the rest of the network. Each part is
traced alone, on fake tensors, by the tracker that predicts training steps.
"""

from collections.abc import Mapping
from functools import cache as remembered
from typing import Any

import torch
from torch import Tensor, nn

from radars.cost import (
    Additive,
    CostKind,
    Metric,
    PriceCache,
    PriceRequest,
    estimated_sum,
    extremes,
    price_places,
)
from radars.example import InputShape, blank, call, parts_of
from radars.memory.fake import tracing
from radars.memory.tracker import MemoryTracker, track_network
from radars.space import (
    Architecture,
    Candidates,
    Factory,
    Place,
    SearchSpace,
    building,
    built,
)
from radars.units import parse_bytes


def inference_memory(
    space: SearchSpace,
    input_shape: InputShape,
    *,
    batch_size: int = 1,
    device_type: str = "cpu",
    cache: PriceCache | None = None,
) -> Metric:
    """`memory` of the architectures of a space; whole networks are traced to check.

    The sums are exact where every candidate returns a tensor of its own, or where what it returns
    instead, such as its input, is held by nothing else. Elsewhere they may be too high. Where the
    space is not modular, they grow evenly with multiply-accumulates.

    Args:
        space: the search space.
        input_shape: the shape of one example, without the batch.
        batch_size: examples in a forward pass.
        device_type: the device whose allocator's rounding counts.
        cache: a cache of what was traced before; None for none.
    """
    device = _device(device_type)

    @remembered
    def whole(architecture: Architecture) -> int:
        return inference_bytes(space, architecture, input_shape, batch_size, device_type)

    if not space.is_modular:
        smallest, largest = map(whole, extremes(space, input_shape))
        by_size = estimated_sum(space, input_shape, smallest, largest)
        return Metric((by_size,), lambda architecture: whole(Architecture(architecture)))

    def price(factory: Factory, place: Place) -> tuple[int, ...]:
        return _price(factory, place, batch_size, device)

    about = ("inference", batch_size, device_type)
    places = price_places(space, input_shape, price, about, cache)
    resident = {name: dict.fromkeys(names, 0) for name, names in space.full.items()}
    for place, prices in places:
        for name, (resident_bytes, _) in prices.items():
            resident[place.choice][name] += resident_bytes
    held_bytes, peak_bytes = _trace_without_candidates(space, input_shape, batch_size, device)
    sums = [Additive(peak_bytes, resident)]
    for held, (place, prices) in zip(held_bytes, places, strict=True):
        own = {
            name: resident[place.choice][name] + working_bytes
            for name, (_, working_bytes) in prices.items()
        }
        sums.append(Additive(held, resident | {place.choice: own}))
    return Metric(tuple(sums), lambda architecture: whole(Architecture(architecture)))


def inference_bytes(
    space: SearchSpace,
    architecture: Mapping[str, str],
    input_shape: InputShape,
    batch_size: int = 1,
    device_type: str = "cpu",
) -> int:
    """Traces the whole network of an architecture: the peak of one forward pass."""
    device = _device(device_type)
    with tracing(), torch.no_grad():
        with building(device):
            network = space.build(architecture).eval()
        with device:
            example_B = blank(batch_size, input_shape, space.input_dtype)
        with track_network(network, parts_of(example_B)) as tracker:
            call(network, example_B)
        peak_bytes: int = tracker.peak_bytes
    return peak_bytes


def _device(device_type: str) -> torch.device:
    return torch.device("cpu") if device_type == "cpu" else torch.device(device_type, 0)


def _price(
    factory: Factory, place: Place, batch_size: int, device: torch.device
) -> tuple[int, int]:
    """Bytes of a candidate's weights, and of the most that its forward pass makes."""
    with tracing(), torch.no_grad():
        with building(device):
            candidate = built(factory).eval()
        inputs = [
            torch.empty(batch_size, *shape[1:], device=device) for shape in place.input_shapes
        ]
        with track_network(candidate, inputs) as tracker:
            before_bytes = tracker.now_bytes
            candidate(*inputs)
        inputs_bytes = track_network(nn.Identity(), inputs).now_bytes
    return before_bytes - inputs_bytes, tracker.peak_bytes - before_bytes


class _HeldProbe(nn.Module):
    """In the place of a choice: notes what is held when it is called, and returns its shape."""

    def __init__(self, output_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.output_shape = output_shape
        self.tracker: MemoryTracker | None = None
        self.held_bytes = 0

    def forward(self, *inputs: Tensor) -> Tensor:
        assert self.tracker is not None
        self.held_bytes = max(self.held_bytes, self.tracker.now_bytes)
        return inputs[0].new_empty(len(inputs[0]), *self.output_shape[1:])


def _trace_without_candidates(
    space: SearchSpace, input_shape: InputShape, batch_size: int, device: torch.device
) -> tuple[list[int], int]:
    """What is held when each place is called, and the peak of the rest of the network."""
    places = space.places(input_shape)
    probes: list[_HeldProbe] = []

    def choose(name: str, candidates: Candidates) -> Any:
        probes.append(_HeldProbe(places[len(probes)].output_shape))
        return probes[-1]

    def attempt() -> nn.Module:
        probes.clear()
        return space.replay(choose)

    with tracing(), torch.no_grad():
        with building(device):
            network = built(attempt).eval()
        with device:
            example_B = blank(batch_size, input_shape, space.input_dtype)
        tracker = track_network(network, parts_of(example_B))
        for probe in probes:
            probe.tracker = tracker
        with tracker:
            call(network, example_B)
    return [probe.held_bytes for probe in probes], tracker.peak_bytes


class InferenceMemory(CostKind):
    """`memory`: bytes that an inference holds at its peak."""

    how = "traced"

    def price(self, request: PriceRequest) -> Metric:
        """See `CostKind`."""
        return inference_memory(
            request.space,
            request.input_shape,
            batch_size=request.batch_size,
            device_type=request.device.partition(":")[0],
            cache=PriceCache(),
        )

    def parse(self, text: str) -> float:
        """Bytes, with or without a unit, such as `1MiB`."""
        return float(parse_bytes(text))

    def format(self, value: float) -> str:
        """Bytes."""
        return f"{value:,.0f} bytes"


INFERENCE_MEMORY = InferenceMemory()
