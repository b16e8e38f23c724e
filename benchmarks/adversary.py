"""Tries to break radars as users, files and networks may; each try says what it expects.

Every kind of try (`tries/`) is generated from a seed: files of a run that are replaced, cut, forged
or flipped; configurations, spaces, data and prices that change between two sittings; networks that
raise, return anything or change what they are given; settings that nobody means; signals at any
moment. A try is held where the command ends in time, with a status that the README names, without a
traceback on the screen, with nothing changed outside of its directory, and as its kind says.

    python benchmarks/adversary.py                     # 544 tries; goes on where it was
    python benchmarks/adversary.py --each 1            # a sample: one of each kind

Tries go to `benchmarks/results/adversary.jsonl`, or where `--results` says; the table of kind,
tries, held is printed, and the exit status is 1 where one did not hold. What is killed and resumed
bit for bit, and full disks, are in `faults.py`; several processes and users in `several.py`.
"""

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from about import about, commit_of_here
from tries import KINDS
from tries.place import Place, prepared

RESULTS = Path(__file__).parent / "results" / "adversary.jsonl"


def main() -> None:
    """Runs what is left of the tries, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--each", type=int, help="a sample: so many of each kind")
    parser.add_argument("--only", action="append", choices=KINDS)
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    kinds = arguments.only or list(KINDS)
    lines = arguments.results.read_text().splitlines() if arguments.results.exists() else []
    known = {(row["kind"], row["seed"], row["try"]): row for row in map(json.loads, lines)}
    counts = {kind: min(KINDS[kind][0], arguments.each or KINDS[kind][0]) for kind in kinds}
    order = sorted((number, kind) for kind in kinds for number in range(counts[kind]))
    said = about() | {"commit": commit_of_here()}
    rows = []
    with tempfile.TemporaryDirectory(prefix="radars-adversary-") as folder:
        root = Path(folder)
        os.environ["RADARS_CACHE_DIR"] = str(root / "work" / "cache")
        tempfile.tempdir = str(root)  # of tracebacks
        (root / "work").mkdir()
        template = prepared(root / "work")
        shutil.copytree(root / "work", root / "template")
        for number, kind in order:
            row = known.get((kind, arguments.seed, number))
            if row is None:
                row = said | _tried(kind, arguments.seed, number, template.root, root / "template")
                with arguments.results.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row) + "\n")
            rows.append(row)
    print(_table(rows))
    sys.exit(any(row["problem"] for row in rows))


def _tried(kind: str, seed: int, number: int, work: Path, template: Path) -> dict[str, Any]:
    """One try, in a fresh copy of what was prepared, at the same place."""
    shutil.rmtree(work)
    shutil.copytree(template, work, symlinks=True)
    problem = KINDS[kind][1](Place(work), random.Random(f"{seed} {kind} {number}"))
    if problem:
        print(f"{kind} {number}: {problem}", file=sys.stderr, flush=True)
    return {"kind": kind, "seed": seed, "try": number, "problem": problem}


def _table(rows: list[dict[str, Any]]) -> str:
    lines = ["| kind | tries | held |", "|---|---|---|"]
    for kind in dict.fromkeys(row["kind"] for row in rows):
        own = [row for row in rows if row["kind"] == kind]
        lines.append(f"| {kind} | {len(own)} | {sum(not row['problem'] for row in own)} |")
    held = sum(not row["problem"] for row in rows)
    return "\n".join([*lines, f"| all | {len(rows)} | {held} |"])


if __name__ == "__main__":
    main()
