"""Whole searches of NAS-Bench-Macro under one time limit: radars against NNI 3.0.

NNI's one-shot strategies search for `--minutes` each, in an environment of their own, which is made
where `--nni-python` gives none (`nni_search.py` says how they are set up). radars runs its recipe
of `macro_comparison.yaml`, with its numbers of steps and draws scaled so that it takes about the
`--fractions` of that time, under a budget. All have the same network of the same width, training
and validation images (the test split is not read), batch size, optimizer of the shared weights and
threads. What each returns is looked up in the published table, which no search reads: its true
accuracy.

The claim is that radars is as accurate as the best of NNI in at most half of its time. It holds if
a fraction of radars is at least as accurate, in the median over seeds, as the strategy of NNI with
the best median, in at most half of the seconds. Every fraction that was run is printed, and each is
a whole search of its own, never a part of a longer one. A one-shot strategy could have been stopped
earlier: `settled` says since when it would have returned something at least as accurate as in the
end, which only the table knows. Seconds are those of whole processes, from the start of Python to
the result; NNI's images come decoded, those of radars as files.

Without a constraint, what is large is good here, and radars weighs size: what the largest network
reaches without any search is printed beside the others. `--constraint` makes the task a harder one.
NNI is then told which architectures it may return, as its own means do not keep what it returns
within a bound.

    python benchmarks/search.py --data DATA --seeds 0,1,2 [--constraint "macs<=40e6"] [--quick]
    python benchmarks/search.py --data DATA --report

Prints a line a search and a table, and unless --quick appends a row a search to
`benchmarks/results/search.jsonl`. The table is of all rows there with the same settings, so that
seeds can be run one by one; of rows that are there twice, the last counts.
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchvision
import yaml
from about import about
from macro_table import macro_table
from platformdirs import user_cache_path

from radars.comparison import PublishedTable
from radars.cost import Constraint
from radars.data import DataConfig, Normalisation, load_data
from radars.space import Architecture
from radars.zoo import load_space
from radars.zoo.nasbench_macro import table_key

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "search.jsonl"
NNI_METHODS = ("darts", "proxyless", "random-one-shot", "enas")
RECIPE = yaml.safe_load((HERE / "macro_comparison.yaml").read_text())
RECIPE_MINUTES = 7.5  # that radars takes with it under macs<=40e6, on one core
RECIPE_MINUTES_UNCONSTRAINED = 12.0
SCALED = {"explore": ("steps",), "differentiate": ("steps",), "select": ("halving_steps",)}
SETTINGS = (
    *("minutes", "width", "batch_size", "num_train", "validation_fraction"),
    *("learning_rate", "logits_learning_rate", "budget", "constraint"),
)


def main() -> None:
    """Searches, one after the other, and says what came of it."""
    arguments = parsed()
    table = macro_table(arguments.data)
    constraints = [Constraint.parse(arguments.constraint)] if arguments.constraint else []
    settings = {key: getattr(arguments, key) for key in SETTINGS}
    rows = []
    for row in () if arguments.report else searches(arguments, table, constraints):
        judged = judge(row | {"settings": settings}, table, constraints)
        print(line_of(judged), flush=True)
        rows.append(judged)
        if not arguments.quick:
            RESULTS.parent.mkdir(exist_ok=True)
            with RESULTS.open("a") as file:
                file.write(json.dumps(judged) + "\n")
    if not arguments.quick:
        kept = map(json.loads, RESULTS.read_text().splitlines() if RESULTS.exists() else ())
        rows = [row for row in kept if row["settings"] == settings]
    print("\n".join(summary(rows, table, constraints)), flush=True)


def parsed() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="with cifar10/, nas-bench-macro/")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--minutes", type=float, default=10.0, help="the limit of each search")
    parser.add_argument("--methods", default=",".join((*NNI_METHODS, "radars")))
    parser.add_argument("--fractions", default="0.25,0.5", help="of the time, for radars")
    parser.add_argument("--constraint", default="", help="such as macs<=40e6")
    parser.add_argument("--budget", default=RECIPE["search"]["budget"], help="of radars")
    parser.add_argument("--width", type=int, default=8, help="channels of the stem")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--num-train", type=int, default=25_000, help="images of both parts")
    parser.add_argument("--validation-fraction", type=float, default=0.2)
    parser.add_argument("--learning-rate", type=float, default=0.1, help="of shared weights")
    parser.add_argument(
        "--logits-learning-rate",
        type=float,
        default=0.01,
        help="of NNI's strategies: that of radars, as NNI's 3e-4 hardly moves in so few steps",
    )
    parser.add_argument("--nni-python", type=Path, help="of an environment with NNI 3.0")
    parser.add_argument("--quick", action="store_true", help="seconds each, nothing kept")
    parser.add_argument("--report", action="store_true", help="only the table of what is kept")
    if "--quick" in sys.argv:
        parser.set_defaults(minutes=0.4, seeds="0", fractions="0.5", num_train=2000)
    arguments = parser.parse_args()
    unknown = set(arguments.methods.split(",")) - {*NNI_METHODS, "radars"}
    if unknown:
        parser.error(f"methods are {', '.join(NNI_METHODS)} and radars, but got {min(unknown)!r}")
    if arguments.constraint and Constraint.parse(arguments.constraint).metric != "macs":
        parser.error("the constraint is about macs, which the published table has")
    return arguments


def searches(
    arguments: argparse.Namespace, table: PublishedTable, constraints: Sequence[Constraint]
) -> Iterator[dict[str, Any]]:
    """Runs all searches; a row of each, which says nothing yet of true accuracy."""
    methods = arguments.methods.split(",")
    of_nni = [method for method in methods if method != "radars"]
    fractions = [float(part) for part in arguments.fractions.split(",") if "radars" in methods]
    python = (arguments.nni_python or nni_python()).absolute() if of_nni else None
    commit = subprocess.check_output(
        ["git", "rev-parse", "--short", "HEAD"], text=True, cwd=HERE
    ).strip()
    for seed in map(int, arguments.seeds.split(",")):
        with tempfile.TemporaryDirectory(prefix="radars-search-") as name:
            folder = Path(name)
            said = about() | {"commit": commit, "seed": seed}
            if python is not None:
                arrays = images(data_settings(arguments), seed) | allowed(table, constraints)
                np.savez(folder / "images.npz", **arrays)
            for method in of_nni:
                assert python is not None
                yield said | nni_search(arguments, python, method, seed, folder)
            for fraction in fractions:
                yield said | radars_search(arguments, fraction, seed, folder)


def data_settings(arguments: argparse.Namespace) -> dict[str, Any]:
    """The images of a search, as radars is told."""
    return {
        "source": str(arguments.data / "cifar10"),
        "num_train": arguments.num_train,
        "validation_fraction": arguments.validation_fraction,
        "batch_size": arguments.batch_size,
    }


def images(settings: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """The images that a search of radars with this seed has, for NNI."""
    data = load_data(DataConfig(**settings), seed)
    as_stored = Normalisation(torch.zeros(3), torch.ones(3), largest=1.0)
    arrays = {
        "mean": data.normalisation.mean_C.numpy(),
        "std": data.normalisation.std_C.numpy(),
    }
    for part, split in (("train", data.train), ("validation", data.validation)):
        batches = [
            batch.example_B.to(torch.uint8).contiguous().numpy()
            for batch in split.normalised_by(as_stored).evaluation_batches(1000)
        ]
        arrays |= {
            f"{part}_images": np.concatenate(batches),
            f"{part}_labels": split.label_N.numpy(),
        }
    return arrays


def allowed(table: PublishedTable, constraints: Sequence[Constraint]) -> dict[str, Any]:
    """What may be returned, for NNI: candidates of each layer by number, as in the table's keys."""
    keys = [
        table_key(architecture) for architecture in table if holds(table, architecture, constraints)
    ]
    return {"allowed": np.array([list(map(int, key)) for key in keys])}


def holds(
    table: PublishedTable, architecture: Mapping[str, str], constraints: Sequence[Constraint]
) -> bool:
    """Whether an architecture satisfies all constraints."""
    macs = table[Architecture(architecture)].macs
    return macs is not None and all(macs <= constraint.limit for constraint in constraints)


def nni_search(
    arguments: argparse.Namespace, python: Path, method: str, seed: int, folder: Path
) -> dict[str, Any]:
    """A search by a strategy of NNI, in a process of its own."""
    out = folder / f"nni-{method}.json"
    most_macs = Constraint.parse(arguments.constraint).limit if arguments.constraint else math.inf
    command = [
        *(str(python), str(HERE / "nni_search.py"), "--data", str(folder / "images.npz")),
        *("--method", method, "--seconds", str(60 * arguments.minutes), "--seed", str(seed)),
        *("--width", str(arguments.width), "--batch-size", str(arguments.batch_size)),
        *("--learning-rate", str(arguments.learning_rate)),
        *("--logits-learning-rate", str(arguments.logits_learning_rate), "--out", str(out)),
        *("--macs", str(most_macs)),
    ]
    start = time.perf_counter()
    # NNI keeps a list of all its experiments in the home directory
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd=folder,
        env=os.environ | {"HOME": str(folder)},
        check=False,
    )
    row: dict[str, Any] = {"method": f"nni-{method}", "seconds": time.perf_counter() - start}
    if done.returncode:
        error = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        return row | {"status": "failed", "error": error}
    found: dict[str, Any] = json.loads(out.read_text())
    network = load_space("nasbench-macro", width=arguments.width).build(
        Architecture(found["architecture"])
    )
    if sum(parameter.numel() for parameter in network.parameters()) != found["parameters"]:
        raise SystemExit("the network of nni_search.py is not that of radars; make it so")
    return row | {"status": "completed", "search_seconds": found.pop("seconds")} | found


def radars_search(
    arguments: argparse.Namespace, fraction: float, seed: int, folder: Path
) -> dict[str, Any]:
    """A search by radars that is to take a fraction of the time, through the command line."""
    minutes = RECIPE_MINUTES if arguments.constraint else RECIPE_MINUTES_UNCONSTRAINED
    settings = scaled(RECIPE["by_method"]["radars"], fraction * arguments.minutes / minutes)
    settings |= {
        "constraints": [arguments.constraint] if arguments.constraint else [],
        "space": "nasbench-macro",
        "proxy_options": {"width": arguments.width},
        "data": data_settings(arguments),
        "optimizer": {"learning_rate": arguments.learning_rate},
        "budget": arguments.budget,
        "max_minutes": arguments.minutes,
        "seed": seed,
    }
    out = folder / f"radars-{fraction}"
    config = folder / f"radars-{fraction}.yaml"
    config.write_text(yaml.safe_dump(settings))
    command = [*(sys.executable, "-m", "radars", "search", "--config", str(config))]
    start = time.perf_counter()
    subprocess.run([*command, "--out", str(out)], check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - start
    result = json.loads((out / "result.json").read_text())
    kept = ("status", "architecture", "search_seconds", "budget_bytes", "measured_peak_bytes")
    return {
        "method": f"radars at {fraction:g}",
        "seconds": seconds,
        **{key: result[key] for key in (*kept, "peak_rss_bytes")},
        "scaled": {part: {key: settings[part][key] for key in SCALED[part]} for part in SCALED},
    }


def scaled(recipe: Mapping[str, Any], factor: float) -> dict[str, Any]:
    """A recipe with its numbers of steps multiplied."""

    def times(value: Any) -> Any:
        if isinstance(value, list):
            return [times(part) for part in value]
        return max(round(value * factor), 1)

    return {
        part: {
            key: times(value) if key in SCALED[part] else value for key, value in of_part.items()
        }
        for part, of_part in recipe.items()
    }


def judge(
    row: dict[str, Any], table: PublishedTable, constraints: Sequence[Constraint]
) -> dict[str, Any]:
    """The row, with the true accuracy of what was found."""
    if "architecture" not in row:
        return row
    row |= {
        "key": table_key(row["architecture"]),
        "accuracy": 100 * table.accuracy(row["architecture"]),
        "rank": table.rank(row["architecture"], constraints),
        "of": table.num_allowed(constraints),
    }
    if "exported" in row:
        row["exported_accuracy"] = 100 * table.accuracy(row["exported"])
        row["exported_holds"] = holds(table, row["exported"], constraints)
    if "readings" in row:
        began = row["seconds"] - row["search_seconds"]
        times = [began + seconds for seconds, _ in row["readings"]]
        accuracies = [100 * table.accuracy(found) for _, found in row.pop("readings")]
        worse = [index for index, value in enumerate(accuracies) if value < accuracies[-1]]
        row["readings"] = list(zip(times, accuracies, strict=True))
        row["settled_seconds"] = times[worse[-1] + 1 if worse else 0]
    return row


def line_of(row: Mapping[str, Any]) -> str:
    """What is printed of a search when it ends."""
    start = f"seed {row['seed']}, {row['method']}: {row['seconds']:.0f} s"
    if "error" in row:
        return f"{start}, failed: {row['error']}"
    exported = ""
    if "exported" in row:
        too_large = "" if row["exported_holds"] else ", which is too large"
        exported = f", NNI exported {row['exported_accuracy']:.2f}%{too_large}"
    return (
        f"{start}, {row['key']} {row['accuracy']:.2f}%, rank {row['rank']} of {row['of']:,}, "
        f"resident peak {row['peak_rss_bytes'] / 2**20:.0f} MiB, {row['status']}{exported}"
    )


def summary(
    rows: Sequence[Mapping[str, Any]], table: PublishedTable, constraints: Sequence[Constraint]
) -> list[str]:
    """The table over seeds, and whether the claim holds."""
    last = {(row["method"], row["seed"]): row for row in rows if "error" not in row}
    by_method: dict[str, list[Mapping[str, Any]]] = {}
    for (method, _), row in last.items():
        by_method.setdefault(method, []).append(row)

    def median(method: str, key: str) -> float:
        return float(statistics.median(row[key] for row in by_method[method]))

    largest, middle = (
        table.largest(constraints),
        100 * float(np.median(table.accuracies(constraints))),
    )
    lines = [
        f"{'':22} seeds  {'seconds':24} {'settled':>7}  {'true accuracy':24} {'rank':>5}  resident",
        f"{'largest, no search':22} {'':5}  {'0':24} {'':7}  {100 * table.accuracy(largest):.2f}%"
        f"{'':18} {table.rank(largest, constraints):5}",
        f"{'any, in the median':22} {'':5}  {'0':24} {'':7}  {middle:.2f}%",
    ]
    for method, found in by_method.items():
        settled = [row["settled_seconds"] for row in found if "settled_seconds" in row]
        lines.append(
            f"{method:22} {len(found):5}  {spread([row['seconds'] for row in found], '.0f'):24} "
            f"{f'{statistics.median(settled):.0f}' if settled else '':>7}  "
            f"{spread([row['accuracy'] for row in found], '.2f', '%'):24} "
            f"{median(method, 'rank'):5.0f}  {median(method, 'peak_rss_bytes') / 2**20:.0f} MiB"
        )
    of_nni = [method for method in by_method if method.startswith("nni-")]
    of_radars = [method for method in by_method if method.startswith("radars")]
    if of_nni and of_radars:
        best = max(of_nni, key=lambda method: median(method, "accuracy"))
        lines.append(f"the best of NNI: {best}, {median(best, 'accuracy'):.2f}%")
        for method in of_radars:
            seconds = median(method, "seconds")
            ratio = seconds / median(best, "seconds")
            reached = median(method, "accuracy") >= median(best, "accuracy")
            lines.append(
                f"  {method} is {'at least as' if reached else 'less'} accurate, in {ratio:.2f} of "
                "its time" + (": the claim holds" if reached and ratio <= 0.5 else "")
            )
            if all("settled_seconds" in row for row in by_method[best]):
                settled_ratio = seconds / median(best, "settled_seconds")
                lines.append(f"    and in {settled_ratio:.2f} of the time after which that settled")
    return lines


def spread(values: Sequence[float], form: str, unit: str = "") -> str:
    """The median, and the range."""
    return (
        f"{statistics.median(values):{form}}{unit} ({min(values):{form}} to {max(values):{form}})"
    )


def nni_python() -> Path:
    """The Python of an environment with NNI 3.0, which is made where there is none yet."""
    folder = user_cache_path("radars") / "nni-3.0"
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    check = [str(python), "-c", "import nni.nas.strategy, pytorch_lightning, torchvision"]
    if python.exists() and subprocess.run(check, capture_output=True, check=False).returncode == 0:
        return python
    print(f"installing NNI 3.0 in {folder}", flush=True)
    venv.create(folder, with_pip=True)
    packages = [
        *("nni==3.0", "pytorch_lightning", "tianshou==0.4.11"),
        *(
            f"{library.__name__}=={library.__version__.partition('+')[0]}"
            for library in (torch, torchvision)
        ),
    ]
    subprocess.run([str(python), "-m", "pip", "install", "--quiet", *packages], check=True)
    subprocess.run(check, check=True)
    return python


if __name__ == "__main__":
    main()
