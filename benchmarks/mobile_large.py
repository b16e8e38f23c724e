"""Searches 49^21 architectures at 224 pixels under a hard cap by the operating system.

`mobile-large` on real ImageNet images in small batches: 20 steps of explore, 20 of differentiate,
within a budget that the plain supernet exceeds more than ten times. The process's data segment is
limited (`RLIMIT_DATA`), so that an allocation beyond it fails.

    python benchmarks/mobile_large.py --data DATA

Prints the plan and what was measured, and appends to `benchmarks/results/mobile_large.jsonl`.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from about import about

from radars.planning.plan_report import plan_for
from radars.units import format_bytes, parse_bytes

RESULTS = Path(__file__).parent / "results" / "mobile_large.jsonl"
SETTINGS = (
    "num_rounds=1",
    "explore.steps=20",
    "explore.tuning_steps=2",
    "explore.reward_batches=1",
    "explore.ranker_draws=2",
    "differentiate.steps=20",
    "differentiate.max_cost_ratio=4",
    "select.finalists=2",
    "select.halving_steps=[2]",
    "data.validation_fraction=0.2",
    "data.num_workers=0",
)


def main() -> None:
    """Plans, then searches in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="with imagenet-sample/")
    parser.add_argument("--batch-size", type=int, default=4)
    parser.add_argument("--budget", default="512MiB")
    parser.add_argument("--host", default="256MiB", help="for weights that are not live")
    parser.add_argument("--cap", default="6GiB", type=parse_bytes, help="of the data segment")
    arguments = parser.parse_args()
    memory_alone = ["differentiate.max_cost_ratio=null"]
    report = plan_for(
        "mobile-large", "3x224x224", arguments.batch_size, arguments.budget, memory_alone
    )
    row = search(arguments)
    events = row.pop("events")
    steps = {event["phase"]: event for event in events if event["event"] == "phase_ended"}
    [planned] = [event for event in events if event["event"] == "planned"]
    row |= {
        "full_supernet_bytes": report.full_supernet_bytes,
        "live_candidates": planned["live_candidates"],
        "levers": planned["levers"],
        "seconds": {phase: event["seconds"] for phase, event in steps.items()},
    }
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a") as file:
        file.write(json.dumps(row) + "\n")
    print(
        f"plain supernet {format_bytes(report.full_supernet_bytes)}, "
        f"{report.full_supernet_bytes / row['budget_bytes']:.0f} times the budget; plan: "
        f"{row['live_candidates']} of {report.total_candidates} candidates, "
        f"{' and '.join(row['savings'])}\n"
        f"{row['status']} in {row['search_seconds']:.0f} s: predicted "
        f"{format_bytes(row['predicted_peak_bytes'])}, measured "
        f"{format_bytes(row['measured_peak_bytes'])} of {format_bytes(row['budget_bytes'])}; "
        f"resident {format_bytes(row['peak_rss_bytes'])}, cap of the data segment "
        f"{format_bytes(arguments.cap)}"
    )


def search(arguments: argparse.Namespace) -> dict[str, Any]:
    """One search under the cap; its result and its events."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        overrides = (
            *SETTINGS,
            f"data.batch_size={arguments.batch_size}",
            f"memory_savings.host_bytes={arguments.host}",
        )
        command = [
            *(sys.executable, "-m", "radars", "search", "--space", "mobile-large"),
            *("--data", str(arguments.data / "imagenet-sample"), "--budget", arguments.budget),
            *("--out", str(out)),
            *(part for override in overrides for part in ("--set", override)),
        ]
        subprocess.run(
            command,
            check=True,
            stdout=subprocess.DEVNULL,
            preexec_fn=partial(
                resource.setrlimit, resource.RLIMIT_DATA, (arguments.cap, arguments.cap)
            ),
        )
        result: dict[str, Any] = json.loads((out / "result.json").read_text())
        lines = (out / "events.jsonl").read_text().splitlines()
    return {
        **about(),
        "batch_size": arguments.batch_size,
        "cap_bytes": arguments.cap,
        "host": arguments.host,
        "events": [json.loads(line) for line in lines],
    } | result


if __name__ == "__main__":
    main()
