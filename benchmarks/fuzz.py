"""Coverage-guided fuzzing of what reads the user's files (atheris, libFuzzer).

Each reader is given files that are changed at random, from those of `tests/bad_inputs` and a good
one on; a change that reaches new code is kept and changed further. A reader may return, or raise a
`RadarsError` of one line; anything else is a finding, and ends the run with the file that did it.

    pip install -e ".[fuzz]" && python benchmarks/fuzz.py

Appends to `benchmarks/results/fuzz.jsonl`.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import atheris

with atheris.instrument_imports(
    include=["radars.settings", "radars.units", "radars.cost", "radars.space", "radars.comparison",
             "radars.engine.search_config",
             "radars.training.start_training", "radars.zoo.nasbench201",
             "radars.zoo.nasbench_macro", "yaml", "json", "csv"]
):  # fmt: skip
    from radars.comparison import read_table
    from radars.comparison.comparison_config import CompareConfig
    from radars.engine import SearchConfig
    from radars.errors import RadarsError
    from radars.settings import read_settings, validate_settings
    from radars.training.start_training import read_architecture

from about import about

RESULTS = Path(__file__).parent / "results" / "fuzz.jsonl"
CORPUS = Path(__file__).parents[1] / "tests" / "bad_inputs"
CELL = "|none~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|skip_connect~2|"
GOOD = {
    "architectures": '{"layer0": "conv3", "layer1": "skip"}',
    "configurations": "seed: 1\nbudget: 16MiB\nexplore: {steps: 3}\nconstraints: ['macs<=4e6']\n",
    "comparisons": "search: {seed: 1}\nsettings: {a: {}}\ngrids: [{methods: [radars]}]\n",
    "macro_tables": '{"00000000": {"mean_acc": 90.5, "flops": 7, "params": 9}}',
    "nasbench201_tables": f"cellstr,cifar10-test,cifar10-val\n{CELL},90.5,88\n",
}


def _configuration(path: Path) -> None:
    validate_settings(SearchConfig, read_settings(path))


def _comparison(path: Path) -> None:
    validate_settings(CompareConfig, read_settings(path))


def _architecture(path: Path) -> None:
    read_architecture(path)


def _macro_table(path: Path) -> None:
    read_table(f"nas-bench-macro={path}")


def _nasbench201_table(path: Path) -> None:
    read_table(f"nas-bench-201={path}")


READERS: dict[str, Callable[[Path], None]] = {
    "architectures": _architecture,
    "configurations": _configuration,
    "comparisons": _comparison,
    "macro_tables": _macro_table,
    "nasbench201_tables": _nasbench201_table,
}


def main() -> None:
    """Fuzzes one reader, or every one in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("reader", nargs="?", choices=READERS)
    parser.add_argument("--runs", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.reader is not None:
        fuzz(arguments.reader, arguments.runs, arguments.seed)
    numbers = ["--runs", str(arguments.runs), "--seed", str(arguments.seed)]
    failed = False
    for reader in READERS:
        ended = subprocess.run(
            [sys.executable, __file__, reader, *numbers],
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        covered = re.findall(r"cov: (\d+) ft: (\d+) corp: (\d+)", ended.stderr)
        row = {"reader": reader, "runs": arguments.runs, "seed": arguments.seed}
        row |= {"is_sound": not ended.returncode, "covered": int(covered[-1][0]) if covered else 0}
        row |= {"files_kept": int(covered[-1][2]) if covered else 0}
        print(json.dumps(row), flush=True)
        if ended.returncode:
            failed = True
            print(ended.stderr[-3000:], file=sys.stderr)
        with RESULTS.open("a", encoding="utf-8") as file:
            file.write(json.dumps(about() | row) + "\n")
    sys.exit(failed)


def fuzz(reader: str, runs: int, seed: int) -> None:
    """Fuzzes a reader; ends the process."""
    with tempfile.TemporaryDirectory(prefix="radars-fuzz-") as folder:
        corpus, path = Path(folder) / "corpus", Path(folder) / "file"
        corpus.mkdir()
        (corpus / "good").write_text(GOOD[reader])
        for file in (CORPUS / reader).iterdir():
            (corpus / file.name).write_bytes(file.read_bytes())

        def read(content: bytes) -> None:
            path.write_bytes(content)
            try:
                READERS[reader](path)
            except RadarsError as error:
                if "\n" in str(error):
                    raise AssertionError(f"more than one line: {error}") from error

        options = [f"-runs={runs}", f"-seed={seed}", "-max_len=4096", f"-artifact_prefix={folder}-"]
        atheris.Setup([sys.argv[0], *options, str(corpus)], read)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
