from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from tests.tiny import tiny_space
from torch import nn

from radars.cost import (
    LatencySpec,
    PriceCache,
    count_macs,
    latency,
    latency_metric,
    measured_metric,
    measured_rows,
)
from radars.cost.latency import measure_ms
from radars.space import Architecture

SPACE, SHAPE = tiny_space(), (1, 8, 8)
SPEC = LatencySpec(seconds=0.01)


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[nn.Module]:
    """A machine whose latency is 1 ms, and 1 ns for each multiply-accumulate."""
    modules: list[nn.Module] = []

    def measure(module: nn.Module, shapes: Sequence[Sequence[int]], spec: LatencySpec) -> float:
        modules.append(module)
        is_whole = len(shapes[0]) == 4 and shapes[0][1] == 1
        return is_whole + count_macs(module.to("meta"), *shapes) / 1e6

    monkeypatch.setattr(latency, "measure_ms", measure)
    return modules


def test_what_is_measured_adds_up_and_is_measured_once(
    measured: list[nn.Module], tmp_path: Path
) -> None:
    rows = measured_rows(SPACE, SHAPE, SPEC, PriceCache(tmp_path))
    metric = latency_metric(SPACE, SHAPE, rows)
    assert len(measured) == 6 + 2  # candidates, of which a and b have the same, and two networks
    for architecture in (Architecture(dict.fromkeys("abc", name)) for name in ("none", "mb2")):
        whole = latency.measure_ms(SPACE.build(architecture), [(1, *SHAPE)], SPEC)
        assert metric.of(architecture) == pytest.approx(whole, abs=1e-4)
    before = len(measured)
    assert measured_rows(SPACE, SHAPE, SPEC, PriceCache(tmp_path)) == rows
    assert len(measured) == before
    measured_rows(SPACE, SHAPE, LatencySpec(threads=2), PriceCache(tmp_path))
    assert len(measured) == before + 8  # another number of threads is another latency


def test_a_whole_network_is_measured_once_and_has_to_be_below_a_bound(
    measured: list[nn.Module],
) -> None:
    rows = measured_rows(SPACE, SHAPE, SPEC)
    metric = measured_metric(SPACE, SHAPE, rows, LatencySpec(margin=0.1))
    architecture = Architecture(dict.fromkeys("abc", "conv3"))
    before = len(measured)
    assert metric.whole is not None
    whole = metric.whole(architecture)
    assert metric.holds(architecture, 1.11 * whole)
    assert not metric.holds(architecture, 1.09 * whole)
    assert len(measured) == before + 3  # medians, of which the largest counts


def test_measuring_takes_a_real_time_and_leaves_the_rest_alone() -> None:
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    rows = measured_rows(SPACE, SHAPE, SPEC)
    assert all(row.milliseconds >= 0 for row in rows)
    assert torch.equal(torch.get_rng_state(), before)
    small, large = (measure_ms(nn.Conv2d(8, 8, 3), [(1, 8, side, side)], SPEC) for side in (4, 256))
    assert 0 < small < large
    assert torch.get_num_threads() == threads
