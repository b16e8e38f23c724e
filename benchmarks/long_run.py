"""Whether a long search stays within the memory and the disk that it began with.

A search of 10,000 small steps on digits: 8,000 of explore, 1,000 of differentiate, 1,000 and more
of select. The resident memory of the process is read every 50 steps; its slope is that of a line
through the readings of each phase, but for the first eighth, in which caches fill.

    python benchmarks/long_run.py

Writes `benchmarks/results/long_run.json`; exits with 1 where a phase grows by more than 1 MiB in
1,000 steps.
"""

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import linear_regression
from typing import Any

import torch
from about import about
from torch import nn

from radars.engine import SearchConfig
from radars.engine.given import Given
from radars.engine.run import run_search
from radars.nn.operations import classifier, conv_bn_relu, mbconv
from radars.runs.events import read_events
from radars.space import Choose, Factory, SearchSpace
from radars.tracking.progress import Bar, Progress
from radars.units import MIB

RESULTS = Path(__file__).parent / "results" / "long_run.json"
SETTINGS: dict[str, Any] = {
    "budget": "4MiB",
    "num_rounds": 1,
    "checkpoint_seconds": 5,
    "data": {"num_train": 256, "batch_size": 8},
    "explore": {"steps": 8000},
    "differentiate": {"steps": 1000},
    "select": {"finalists": 4, "halving_steps": [200, 250]},
}
_EVERY = 50
_WARMUP_FRACTION = 0.125


class Readings(Progress):
    """Reads the resident memory every so many steps.

    Attributes:
        bytes_by_phase: (step, bytes) of each phase.
    """

    def __init__(self) -> None:
        self.bytes_by_phase: dict[str, list[tuple[int, int]]] = {}

    @contextmanager
    def phase(
        self, description: str, total: int | None = None, completed: int = 0
    ) -> Iterator[Bar]:
        """See `Progress`."""
        readings = self.bytes_by_phase.setdefault(description, [])

        def on_change(bar: Bar) -> None:
            if bar.completed % _EVERY == 0:
                readings.append((bar.completed, resident_bytes()))

        yield Bar(description, total, on_change, completed)


def main() -> None:
    """Runs the search and prints what grew."""
    torch.set_num_threads(1)
    space = SearchSpace(network, name="small", input_shape=(1, 8, 8))
    readings = Readings()
    with tempfile.TemporaryDirectory(prefix="radars-long-") as folder:
        out = Path(folder) / "run"
        run_search(
            SearchConfig.model_validate(SETTINGS), Given(space=space), out=out, progress=readings
        )
        events = read_events(out / "events.jsonl")
        disk = {
            name: sum(file.stat().st_size for file in (out / name).glob("*") if file.is_file())
            for name in ("tensorboard", "checkpoint")
        } | {"events": (out / "events.jsonl").stat().st_size}
    rows = {}
    for phase, known in readings.bytes_by_phase.items():
        kept = known[round(_WARMUP_FRACTION * len(known)) :]
        slope, _ = linear_regression(*zip(*kept, strict=True))
        rows[phase] = {
            "steps": known[-1][0],
            "first_bytes": kept[0][1],
            "last_bytes": kept[-1][1],
            "bytes_per_1000_steps": round(1000 * slope),
        }
        print(
            f"{phase}: {rows[phase]['steps']} steps, {kept[0][1] / MIB:.1f} to "
            f"{kept[-1][1] / MIB:.1f} MiB, {1000 * slope / MIB:+.3f} MiB per 1,000 steps"
        )
    seconds = events[-1]["time"] - events[0]["time"]
    print(f"on disk after {seconds:.0f} s: {disk} bytes, {len(events)} events")
    result = about() | {"seconds": round(seconds), "disk_bytes": disk, "num_events": len(events)}
    RESULTS.write_text(json.dumps(result | {"phases": rows}, indent=1) + "\n")
    sys.exit(any(row["bytes_per_1000_steps"] > MIB for row in rows.values()))


def network(choose: Choose) -> nn.Module:
    """27 architectures for digits."""

    def candidates(channels: int) -> dict[str, Factory]:
        return {
            "skip": nn.Identity,
            "conv3": lambda: conv_bn_relu(channels, channels, 3),
            "mb2": lambda: mbconv(channels, channels, 3, 2),
        }

    return nn.Sequential(
        conv_bn_relu(1, 4),
        *[choose(f"block{index}", candidates(4)) for index in range(3)],
        classifier(4, 10),
    )


def resident_bytes() -> int:
    """What this process holds of the machine's memory now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main()
