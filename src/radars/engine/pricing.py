"""`priced`: the costs that a search is asked about, beside those that are counted."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from radars.cost import (
    CostTable,
    LatencyRow,
    LatencySpec,
    Metric,
    PriceCache,
    latency_metric,
    measured_metric,
    measured_rows,
    read_latencies,
)
from radars.engine.search_config import CostsConfig
from radars.memory import inference_memory
from radars.space import SearchSpace


@dataclass(frozen=True)
class Priced:
    """A table with every cost that is asked for.

    Attributes:
        table: the costs.
        measured: the latencies of this machine that it was made from; None where there are none.
    """

    table: CostTable
    measured: tuple[LatencyRow, ...] | None = None


def priced(
    space: SearchSpace,
    input_shape: tuple[int, ...],
    names: Collection[str],
    config: CostsConfig,
    *,
    device: str = "cpu",
    measured: Sequence[LatencyRow] | None = None,
) -> Priced:
    """Counts, traces, measures or reads what each candidate of a space costs.

    Args:
        space: the search space.
        input_shape: of one example, without the batch.
        names: the costs that are asked for.
        config: how they are traced, measured or read.
        device: where inference runs, such as `cuda:1`.
        measured: latencies that were measured before, for a search that goes on with them.

    Raises:
        ConfigError: a table of latencies cannot be used.
    """
    table = CostTable.of(space, input_shape)
    metrics: dict[str, Metric] = {}
    if "memory" in names:
        metrics["memory"] = inference_memory(
            space,
            input_shape,
            batch_size=config.batch_size,
            device_type=device.partition(":")[0],
            cache=PriceCache(),
        )
    rows: tuple[LatencyRow, ...] | None = None
    if "latency_ms" in names and config.latency_table is not None:
        given = read_latencies(Path(config.latency_table))
        metrics["latency_ms"] = latency_metric(space, input_shape, given)
    elif "latency_ms" in names:
        spec = latency_spec(config, device)
        known = measured or measured_rows(space, input_shape, spec, PriceCache())
        rows = tuple(known)
        metrics["latency_ms"] = measured_metric(space, input_shape, rows, spec)
    return Priced(replace(table, priced=metrics), rows)


def latency_spec(config: CostsConfig, device: str) -> LatencySpec:
    """How latency is measured."""
    return LatencySpec(
        batch_size=config.batch_size,
        threads=config.threads,
        device=device,
        seconds=config.seconds,
        margin=config.margin,
    )
