"""Checks on one GPU what the library promises, in ten minutes; a stage is a process of its own.

    cd benchmarks
    python -m gpu_check --pack images.safetensors --folder DATA     # once, where the data are
    python -m gpu_check --data images.safetensors                   # on the machine with the GPU

The second needs no network: the bundle has the images, and the library is the one beside this
folder. `--device cpu` runs what makes sense there, and `--quick` rehearses with few steps of small
networks. Prints a JSON line for each stage as it ends, and a table at the end; unless `--quick`,
appends the lines to `benchmarks/results/gpu_check.jsonl` or to `--out`. Exits with 1 where a stage
failed, or what should be so is not.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1]
RESULTS = FOLDER / "results" / "gpu_check.jsonl"
_LEAST_SECONDS = 5.0  # that a stage is begun for
_MOST_SAID = 300  # letters of what a stage that failed said last
_SHARE = 0.8  # of a stage's time, after which it begins nothing more


def main() -> int:
    """Packs, runs one stage, or runs all of them."""
    arguments = parsed()
    if arguments.pack is not None:
        from gpu_check.bundle import pack

        pack(arguments.folder, arguments.pack)
        return 0
    if arguments.stage is not None:
        run_stage(arguments)
        return 0
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: the stage ends, too
    return run_all(arguments)


def parsed() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(prog="gpu_check", description=__doc__.partition("\n")[0])
    parser.add_argument("--pack", type=Path, metavar="FILE", help="write the bundle, and end")
    folder = os.environ.get("RADARS_DATA_DIR", "DATA")
    parser.add_argument("--folder", type=Path, default=Path(folder), help="of the published data")
    parser.add_argument("--data", type=Path, metavar="FILE", help="the bundle")
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--quick", action="store_true", help="a rehearsal; nothing is kept")
    parser.add_argument("--minutes", type=float, default=10.0, help="that all of it may take")
    parser.add_argument("--patience", type=float, default=1.0, help="times the time of each stage")
    parser.add_argument("--only", action="append", metavar="STAGE", help="may be repeated")
    parser.add_argument("--out", type=Path, help="append the lines to this file")
    parser.add_argument("--stage", help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, help=argparse.SUPPRESS)
    return parser.parse_args()


def run_stage(arguments: argparse.Namespace) -> None:
    """Runs one stage here; `--data` is the folder of images, and `--out` the file of figures."""
    import torch

    from gpu_check.stage import Figures, Setting, Skipped
    from gpu_check.stages import STAGES

    figures = Figures(arguments.out)
    device = torch.device("cuda", 0) if arguments.device == "cuda" else torch.device("cpu")
    ends_at = time.monotonic() + _SHARE * arguments.seconds
    setting = Setting(device, arguments.data, arguments.quick, ends_at)
    [stage] = [stage for stage in STAGES if stage.name == arguments.stage]
    try:
        if arguments.device == "cuda" and not torch.cuda.is_available():
            raise Skipped("no GPU is here; use --device cpu")
        stage.run(setting, figures)
    except Skipped as reason:
        figures.note(skipped=str(reason))


def run_all(arguments: argparse.Namespace) -> int:
    """Runs the stages one after another, and prints what they leave."""
    from about import about

    from gpu_check.stages import STAGES

    ends_at = time.monotonic() + 60 * arguments.minutes
    known = {stage.name: stage for stage in STAGES}
    unknown = sorted(set(arguments.only or ()) - known.keys())
    if unknown:
        names = ", ".join(known)
        print(f"error: stages are {names}, but --only says {unknown[0]!r}; give one of these")
        return 2
    chosen = [stage for stage in STAGES if not arguments.only or stage.name in arguments.only]
    out = arguments.out or (None if arguments.quick else RESULTS)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="radars-gpu-check-") as name:
        folder = Path(name)
        images = None
        if arguments.data is not None:
            from gpu_check.bundle import unpack

            images = folder / "images"
            unpack(arguments.data, images)
        for stage in chosen:
            seconds = min(arguments.patience * stage.seconds, ends_at - time.monotonic())
            row: dict[str, Any] = {**about(), "stage": stage.name}
            row |= outcome(arguments, stage.name, seconds, images, folder / f"{stage.name}.json")
            rows.append(row)
            print(json.dumps(row), flush=True)
            if out is not None:
                with out.open("a") as file:
                    file.write(json.dumps(row) + "\n")
    print("\n" + table(rows))
    is_well = all(row["status"] in ("done", "skipped") for row in rows)
    return 0 if is_well and all(is_so for row in rows for is_so in row["checks"].values()) else 1


def outcome(
    arguments: argparse.Namespace, name: str, seconds: float, images: Path | None, path: Path
) -> dict[str, Any]:
    """Runs a stage in a process of its own; returns how it ended, and its figures."""
    nothing: dict[str, Any] = {"checks": {}, "lines": []}
    if seconds < _LEAST_SECONDS:
        return nothing | {"status": "skipped", "skipped": "no time is left", "seconds": 0.0}
    command = [sys.executable, "-m", "gpu_check", "--stage", name, "--out", str(path)]
    command += ["--device", arguments.device, "--seconds", str(seconds)]
    command += ["--quick"] * arguments.quick
    command += [] if images is None else ["--data", str(images)]
    before = os.environ.get("PYTHONPATH")
    paths = [str(FOLDER), str(FOLDER.parent / "src"), *([before] if before else [])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    start = time.monotonic()
    process = subprocess.Popen(
        command, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    status, said = "done", ""
    try:
        said = process.communicate(timeout=seconds)[1]
    except subprocess.TimeoutExpired:
        status = "out of time"
    finally:
        if process.poll() is None:  # on Ctrl-C, too
            os.killpg(process.pid, signal.SIGKILL)  # with the workers that it started
            process.communicate()
    figures = nothing | (json.loads(path.read_text()) if path.exists() else {})
    if process.returncode and status == "done":
        status = "failed"
        figures["failed"] = (said.strip().splitlines() or ["it said nothing"])[-1][:_MOST_SAID]
        print(said, file=sys.stderr, flush=True)
    elif "skipped" in figures:
        status = "skipped"
    return {"status": status, "seconds": round(time.monotonic() - start, 1)} | figures


def table(rows: list[dict[str, Any]]) -> str:
    """What people read at the end, as Markdown."""
    lines = [
        f"{rows[0]['date']}, {rows[0]['machine']}, PyTorch {rows[0]['torch']}",
        "",
        "| stage | ended | seconds | checks that hold | what was seen |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        seen = list(row["lines"])
        seen += [f"NOT SO: {name}" for name, is_so in row["checks"].items() if not is_so]
        status = row["status"]
        status += f": {row[status]}" if status in ("skipped", "failed") else ""
        checks = f"{sum(row['checks'].values())} of {len(row['checks'])}"
        cells = (row["stage"], status, str(row["seconds"]), checks, "; ".join(seen))
        lines.append("| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
