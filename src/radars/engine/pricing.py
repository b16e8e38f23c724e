"""`priced`: the costs that a search is asked about, beside those that are counted."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from radars.cost import CostKind, CostTable, LatencyRow, PriceRequest
from radars.engine.search_config import CostsConfig
from radars.example import InputShape
from radars.registries import COSTS
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
    input_shape: InputShape,
    names: Collection[str],
    config: CostsConfig,
    *,
    device: str = "cpu",
    measured: Sequence[LatencyRow] | None = None,
) -> Priced:
    """Counts, traces, measures or reads what each candidate of a space costs.

    Args:
        space: the search space.
        input_shape: the shape of one example, without the batch.
        names: the costs that are asked for.
        config: how they are traced, measured or read.
        device: where inference runs, such as `cuda:1`.
        measured: latencies that were measured before, for a search that goes on with them.

    Raises:
        ConfigError: a table of latencies cannot be used.
    """
    table = CostTable.of(space, input_shape)
    request = PriceRequest(
        space,
        input_shape,
        device,
        batch_size=config.batch_size,
        threads=config.threads,
        seconds=config.seconds,
        margin=config.margin,
        latency_table=config.latency_table,
        measured=measured,
    )
    kinds: dict[str, CostKind] = {name: COSTS.get(name) for name in COSTS.names() if name in names}
    metrics = {name: kind.price(request) for name, kind in kinds.items() if not kind.is_counted}
    rows = next((metric.measured for metric in metrics.values() if metric.measured), None)
    return Priced(replace(table, priced=metrics), rows)
