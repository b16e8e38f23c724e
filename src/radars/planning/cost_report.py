"""`cost_report`: costs by candidates held against those of whole networks."""

from dataclasses import dataclass
from typing import Any

import torch

from radars.cost import count_parameters, extremes, network_macs
from radars.engine.pricing import priced
from radars.engine.search_config import CostsConfig
from radars.example import InputShape
from radars.registries import COSTS
from radars.space import Architecture, SearchSpace, building

_NUM_RANDOM = 3


@dataclass(frozen=True)
class CostRow:
    """The costs of one architecture.

    Attributes:
        label: which one it is.
        architecture: itself.
        by_sum: cost to what its candidates add up to.
        whole: cost to that of the whole network.
    """

    label: str
    architecture: Architecture
    by_sum: dict[str, float]
    whole: dict[str, float]

    def error(self, name: str) -> float:
        """By how much a sum is off, as a fraction of the whole network's cost."""
        whole = self.whole[name]
        return (self.by_sum[name] - whole) / whole if whole else 0.0


@dataclass(frozen=True)
class CostReport:
    """A few architectures: the smallest and the largest by multiply-accumulates, and random ones.

    Attributes:
        batch_size: examples in a forward pass, for memory and latency.
        threads: that it was measured with.
        rows: the architectures.
    """

    batch_size: int
    threads: int
    rows: tuple[CostRow, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The costs that whole networks have, too."""
        return tuple(self.rows[0].whole)

    def to_dict(self) -> dict[str, Any]:
        """The object under `costs` that `radars plan --costs --json` prints."""
        rows = [
            {"label": row.label, "architecture": dict(row.architecture)}
            | {
                name: {"sum": row.by_sum[name], "whole": row.whole[name], "error": row.error(name)}
                for name in self.names
            }
            for row in self.rows
        ]
        return {
            "batch_size": self.batch_size,
            "threads": self.threads,
            "largest_error": {
                name: max(abs(row.error(name)) for row in self.rows) for name in self.names
            },
            "architectures": rows,
        }


def cost_report(
    space: SearchSpace, input_shape: InputShape, config: CostsConfig, device: str
) -> CostReport:
    """Prices a space, and counts, traces and measures a few whole networks of it.

    With a table of latencies there is no whole network to measure, and latency is left out.

    Args:
        space: the search space.
        input_shape: the shape of one example, without the batch.
        config: how costs are priced.
        device: where inference runs, such as `cuda:1`.

    Raises:
        ConfigError: a table of latencies cannot be used.
    """
    table = priced(space, input_shape, COSTS.names(), config, device=device).table
    generator = torch.Generator().manual_seed(0)
    labelled = dict(zip(("smallest", "largest"), extremes(space, input_shape), strict=True)) | {
        f"random {i + 1}": space.random_architecture(generator) for i in range(_NUM_RANDOM)
    }
    rows = []
    for label, architecture in labelled.items():
        with building(torch.device("meta")):
            network = space.build(architecture)
        whole: dict[str, float] = {
            "macs": network_macs(network, input_shape, space.input_dtype),
            "parameters": count_parameters(network),
        }
        for name, metric in table.priced.items():
            if metric.whole is not None:
                whole[name] = metric.whole(architecture)
        by_sum = {name: table.metric(name).of(architecture) for name in whole}
        rows.append(CostRow(label, architecture, by_sum, whole))
    return CostReport(config.batch_size, config.threads, tuple(rows))
