"""Latency on this machine: each candidate measured alone, and whole networks measured to check.

Medians of `torch.utils.benchmark`, in evaluation mode, without gradients.
"""

import logging
import platform
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from radars.cost.cost_kind import CostKind, PriceRequest
from radars.cost.estimated import estimated_sum, extremes
from radars.cost.latency_table import (
    NANOSECONDS,
    LatencyRow,
    latency_metric,
    of_one,
    read_latencies,
)
from radars.cost.metric import Metric, Whole
from radars.cost.price_cache import Numbers, PriceCache, price_key
from radars.cost.priced_places import price_places
from radars.errors import ConfigError
from radars.example import (
    Example,
    InputShape,
    are_floats,
    arguments_of,
    blank,
    is_several,
    mapped,
)
from radars.machine import processor_name
from radars.space import Architecture, Factory, Place, SearchSpace, building, fingerprint

if TYPE_CHECKING:
    from torch.utils.benchmark import Timer

_EXTREMES = ("smallest network", "largest network")  # rows where candidates are no parts
_WARMUP_RUNS = 3
_CHECKS = 3  # medians of a whole network that is checked; the largest counts


@dataclass(frozen=True)
class LatencySpec:
    """How latency is measured.

    Attributes:
        batch_size: examples in a forward pass.
        threads: that it may use.
        device: where it runs.
        seconds: how long each candidate is measured, at least.
        margin: how far below a bound a whole network has to be, as a fraction.
    """

    batch_size: int = 1
    threads: int = 1
    device: str = "cpu"
    seconds: float = 0.1
    margin: float = 0.05


def measure_ms(module: nn.Module, shapes: Sequence[Sequence[int]], spec: LatencySpec) -> float:
    """The median time of a forward pass, after a warm-up, in milliseconds.

    Args:
        module: what is run.
        shapes: the shapes of its inputs for one example, with the first dimension that the batch
            multiplies.
        spec: how it is measured.
    """
    inputs = (
        torch.ones(spec.batch_size * shape[0], *shape[1:], device=spec.device) for shape in shapes
    )
    return _median_ms(module, tuple(inputs), spec)


def _network_ms(
    space: SearchSpace, network: nn.Module, input_shape: InputShape, spec: LatencySpec
) -> float:
    """The median latency of a whole network, on ones, or on tokens of the number 0."""
    if not is_several(input_shape) and are_floats(space.input_dtype):  # as candidates are measured
        return measure_ms(network, of_one(input_shape), spec)
    with torch.device(spec.device):
        example_B = blank(spec.batch_size, input_shape, space.input_dtype)
    ones_B = mapped(lambda part_B: part_B.fill_(part_B.is_floating_point()), example_B)
    return _median_ms(network, ones_B, spec)


def _median_ms(module: nn.Module, example_B: Example, spec: LatencySpec) -> float:
    timer_type = _timer_type()
    module = module.to(spec.device).eval()
    inputs, named = arguments_of(example_B)
    timer = timer_type(
        "module(*inputs, **named)",
        globals={"module": module, "inputs": inputs, "named": named},
        num_threads=spec.threads,
    )
    with torch.inference_mode():
        timer.timeit(_WARMUP_RUNS)
        return float(timer.blocked_autorange(min_run_time=spec.seconds).median) * 1e3


@cache
def _timer_type() -> "type[Timer]":
    """Imported when it is needed: it looks for compilers, and says so where there is no GPU."""
    logger = logging.getLogger("torch.utils.cpp_extension")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        from torch.utils.benchmark import Timer
    finally:
        logger.setLevel(level)
    return Timer


def measured_rows(
    space: SearchSpace,
    input_shape: InputShape,
    spec: LatencySpec,
    cache: PriceCache | None = None,
) -> list[LatencyRow]:
    """Measures each distinct candidate at its input shape, and what is not a candidate.

    The fixed part is what whole networks take beyond the sum of their candidates: the mean of that
    for the one with the fewest and the one with the most multiply-accumulates. Where candidates are
    no parts of networks (`SearchSpace.is_modular`), those two networks are all that is measured.

    Args:
        space: the search space.
        input_shape: the shape of one example, without the batch.
        spec: how it is measured.
        cache: a cache of what was measured before on this machine in the same way; None for none.
    """
    if not space.is_modular:
        return [
            LatencyRow(
                name,
                of_one(input_shape),
                _whole_ms(space, each, input_shape, spec, _about(spec), cache),
            )
            for name, each in zip(_EXTREMES, extremes(space, input_shape), strict=True)
        ]

    def price(factory: Factory, place: Place) -> Numbers:
        return (_nanoseconds(_built(factory), place.input_shapes, spec),)

    about = _about(spec)
    rows = [
        LatencyRow(name, place.input_shapes, nanoseconds / NANOSECONDS, place.choice)
        for place, prices in price_places(space, input_shape, price, about, cache)
        for name, (nanoseconds,) in prices.items()
    ]
    candidates = latency_metric(space, input_shape, rows)
    beyond = [
        _whole_ms(space, architecture, input_shape, spec, about, cache)
        - candidates.of(architecture)
        for architecture in extremes(space, input_shape)
    ]
    fixed_ms = max(0.0, sum(beyond) / len(beyond))
    rows.append(LatencyRow.of_fixed_part(input_shape, fixed_ms))
    return list({row.key: row for row in rows}.values())


def measured_whole(space: SearchSpace, input_shape: InputShape, spec: LatencySpec) -> Whole:
    """Measures whole networks, each once: the largest of a few medians, in milliseconds."""

    @cache
    def measured(architecture: Architecture) -> float:
        network = _built(lambda: space.build(architecture))
        return max(_network_ms(space, network, input_shape, spec) for _ in range(_CHECKS))

    return lambda architecture: measured(Architecture(architecture))


def measured_metric(
    space: SearchSpace, input_shape: InputShape, rows: Sequence[LatencyRow], spec: LatencySpec
) -> Metric:
    """`latency_ms` as a sum of what was measured, checked by measuring whole networks."""
    if space.is_modular:
        sums = latency_metric(space, input_shape, rows).sums
    else:
        known = {row.candidate: row.milliseconds for row in rows}
        smallest, largest = (known[name] for name in _EXTREMES)
        sums = (estimated_sum(space, input_shape, smallest, largest),)
    return Metric(
        sums,
        whole=measured_whole(space, input_shape, spec),
        margin=spec.margin,
    )


def _about(spec: LatencySpec) -> tuple[object, ...]:
    """What a measurement depends on beside what is measured."""
    return "latency", *_machine(), spec.batch_size, spec.threads, spec.device


def _built(factory: Factory) -> nn.Module:
    with torch.random.fork_rng(devices=[]):  # a search draws the same whatever was measured
        return factory()


def _nanoseconds(module: nn.Module, shapes: Sequence[Sequence[int]], spec: LatencySpec) -> int:
    return round(measure_ms(module, shapes, spec) * NANOSECONDS)


def _whole_ms(
    space: SearchSpace,
    architecture: Architecture,
    input_shape: InputShape,
    spec: LatencySpec,
    about: Sequence[object],
    cache: PriceCache | None,
) -> float:
    with building(torch.device("meta")):
        built_network = space.build(architecture)
        trace = partial(fingerprint, built_network, input_shape, space.input_dtype)
        key = price_key(built_network, of_one(input_shape), ("whole", *about), trace)
    known = cache.read() if cache is not None and key is not None else {}
    if key is not None and key in known:
        return known[key][0] / NANOSECONDS
    network = _built(lambda: space.build(architecture))
    nanoseconds = round(_network_ms(space, network, input_shape, spec) * NANOSECONDS)
    if cache is not None and key is not None:
        cache.add({key: (nanoseconds,)})
    return nanoseconds / NANOSECONDS


@cache
def _machine() -> tuple[str, ...]:
    """What tells this machine's latencies from another's."""
    name = torch.cuda.get_device_name() if torch.cuda.is_available() else ""
    return platform.node(), platform.machine(), processor_name(), name


class Latency(CostKind):
    """`latency_ms`: read from a table, or measured on this machine."""

    how = "measured"

    def price(self, request: PriceRequest) -> Metric:
        """See `CostKind`."""
        space, input_shape = request.space, request.input_shape
        if request.latency_table is not None and not space.is_modular:
            raise ConfigError(
                f"a table of latencies lists candidates, but networks of {space.name!r} are no "
                f"sums of candidates, as some choices are of values; leave out the table, and "
                f"latency is measured here"
            )
        if request.latency_table is not None:
            return latency_metric(space, input_shape, read_latencies(Path(request.latency_table)))
        spec = LatencySpec(
            batch_size=request.batch_size,
            threads=request.threads,
            device=request.device,
            seconds=request.seconds,
            margin=request.margin,
        )
        rows = request.measured or measured_rows(space, input_shape, spec, PriceCache())
        return replace(measured_metric(space, input_shape, rows, spec), measured=tuple(rows))

    def format(self, value: float) -> str:
        """Milliseconds."""
        return f"{value:.3f} ms"


LATENCY = Latency()
