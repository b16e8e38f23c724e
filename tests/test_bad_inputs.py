"""Bad input of every kind: one clear line, exit status 2, and nothing left behind."""

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import yaml
from tests.bad_data import BAD_DATA

CORPUS = Path(__file__).parent / "bad_inputs"
SAYS: dict[str, dict[str, str]] = yaml.safe_load((CORPUS / "says.yaml").read_text("utf-8"))
OUT = ("--out", "run")
LONG = "x" * 300

Run = Callable[..., tuple[int, str, str]]

# the arguments that have a file of a folder of the corpus read
READERS: dict[str, tuple[str, ...]] = {
    "architectures": ("train", "{file}", *OUT),
    "comparisons": ("compare", "{file}", *OUT),
    "configurations": ("search", "--config", "{file}", *OUT),
    "macro_tables": ("compare", "--table", "nas-bench-macro={file}", *OUT),
    "nasbench201_tables": (
        "compare",
        "--table",
        "nas-bench-201={file}",
        "--table-data",
        "cifar10",
        *OUT,
    ),
    "spaces": ("search", "--space", "{file}:net", *OUT),
}
FILES = [path for folder in READERS for path in sorted((CORPUS / folder).glob("*.*"))]

BYTES = {
    "latin-1": "space: caf\xe9\n".encode("latin-1"),
    "utf-16": "seed: 1\n".encode("utf-16"),
    "zeros": bytes(100),
    "huge": b"a: " + b"x" * 1_100_000,
    "image": b"\x89PNG\r\n\x1a\n\x00\xff",
}
TEXT_READERS = ("architectures", "comparisons", "configurations", "macro_tables")

# what is wrong with the options, and what the message names
OPTIONS: dict[str, tuple[tuple[str, ...], str]] = {
    "unknown space": (("search", "--space", "digit"), "did you mean 'digits'"),
    "space file missing": (("search", "--space", "missing.py:net"), "no file 'missing.py'"),
    "space without its data": (("search", "--space", "nasbench-macro"), "add --data"),
    "data missing": (("search", "--data", "./missing"), "there is no ./missing; check the path"),
    "data of text": (("search", "--data", "notes.txt"), "must be a .parquet file"),
    "negative budget": (("search", "--budget", "-3MiB"), "write it like 256MiB"),
    "budget in parsecs": (("search", "--budget", "12 parsecs"), "write it like 256MiB"),
    "infinite budget": (("plan", "--budget", "infGiB"), "write it like 256MiB"),
    "unknown group": (("search", "--set", "nothing.steps=3"), "no key 'nothing'"),
    "override without a value": (("search", "--set", "seed"), "write it like explore.steps=500"),
    "override of half a list": (("search", "--set", "seed=[1"), "settings cannot be read"),
    "zero rounds": (("search", "--set", "num_rounds=0"), "num_rounds"),
    "text for a number": (("search", "--set", "explore.steps=many"), "explore.steps"),
    "rate that is not a number": (
        ("search", "--set", "optimizer.learning_rate=.nan"),
        "optimizer.learning_rate",
    ),
    "negative seed": (("search", "--seed", "-1"), "seed"),
    "seed that is no number": (("search", "--set", "seed=true"), "seed"),
    "steps of 400 digits": (("search", "--set", f"explore.steps={10**400}"), "explore.steps"),
    "batch of 10^18": (("plan", "--batch-size", str(10**18)), "batch_size"),
    "threads of ten towns": (("search", "--set", "num_threads=100000"), "num_threads"),
    "seed of 400 digits": (("search", "--set", f"seed={10**400}"), "seed"),
    "unknown method": (("search", "--method", "magic"), "method"),
    "unknown option of a space": (("search", "--set", "space_options.depth=3"), "'depth'"),
    "text for a width": (("search", "--set", "space_options.width=wide"), "option 'width'"),
    "proxy with other choices": (("search", "--set", "proxy_options.layers=3"), "'layers'"),
    "strict constraint": (("search", "--constraint", "macs<40M"), "write it like macs<=40M"),
    "constraint on joules": (("search", "--constraint", "joules<=3"), "macs, parameters"),
    "constraint that nothing satisfies": (("search", "--constraint", "macs<=10"), "macs"),
    "batch larger than the data": (("search", "--set", "data.batch_size=100000"), "batch_size"),
    "more data than there are": (("search", "--set", "data.num_train=100000"), "num_train"),
    "unknown device": (("search", "--set", "device=abacus"), "device"),
    "configuration missing": (("search", "--config", "missing.yaml"), "cannot read"),
    "configuration that is a folder": (("search", "--config", "full"), "not a regular file"),
    "configuration without end": (("search", "--config", "/dev/zero"), "not a regular file"),
    "configuration in a loop of links": (("search", "--config", "loop"), "symbolic links"),
    "run directory in use": (("search", "--out", "full"), "holds mine.txt"),
    "run directory that is a file": (("search", "--out", "notes.txt"), "is a file"),
    "run directory within a file": (("search", "--out", "notes.txt/run"), "notes.txt"),
    "run directory of no name": (("search", "--out", LONG), "--out is a path"),
    "resume without a directory": (("search", "--resume"), "--out is not given"),
    "shape of letters": (("plan", "--input", "axbxc"), "axbxc"),
    "shape that the space cannot take": (("plan", "--input", "3"), "(3,)"),
    "batch of nothing": (("plan", "--batch-size", "0"), "batch_size"),
    "architecture missing": (("train", "missing.json"), "cannot read"),
    "architecture without end": (("train", "/dev/zero"), "not a regular file"),
    "zero epochs": (("train", "good.json", "--epochs", "0"), "epochs"),
    "evaluation of no training": (("evaluate", "full"), "full"),
    "start from no search": (("train", "good.json", "--from-search", "full"), "from_search"),
    "devices that do not divide a batch": (("train", "good.json", "--set", "devices=7"), "devices"),
    "evaluation of a name too long": (("evaluate", LONG), "File name too long; check the path"),
    "export of a name too long": (("export", LONG, "--out", "net.onnx"), "File name too long"),
    "report of a name too long": (("report", LONG), "File name too long"),
    "start from a name too long": (("train", "good.json", "--from-search", LONG), "too long"),
    "export to a name too long": (("export", "full", "--out", f"{LONG}.onnx"), "too long"),
    "export of no training": (("export", "full", "--out", "net.onnx"), "full"),
    "export to an unknown format": (("export", "full", "--out", "net.tflite"), "add --format"),
    "export to a file of another format": (
        ("export", "full", "--format", "onnx", "--out", "net.pt2"),
        "ends in .onnx",
    ),
    "run with a bomb": (("search", "--out", "bombed", "--resume"), "cannot be read"),
    "training beside a bomb": (("train", "bombed/architecture.json"), "cannot be read"),
    "seeds of letters": (("compare", "--seeds", "a,b"), "write them like 0,1,2"),
    "table of no name": (("compare", "--table", "x"), "NAME=PATH"),
    "table without end": (("compare", "--table", "nas-bench-macro=/dev/zero"), "no file"),
}


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_a_bad_file(run: Run, file: Path) -> None:
    says = SAYS[file.parent.name][file.stem]
    assert_refused(run, arguments_of(file.parent.name, file), says)


@pytest.mark.parametrize("reader", TEXT_READERS)
@pytest.mark.parametrize("kind", BYTES)
def test_a_file_that_is_no_text(run: Run, reader: str, kind: str) -> None:
    Path("file").write_bytes(BYTES[kind])
    assert_refused(run, arguments_of(reader, Path("file")), "file")


@pytest.mark.parametrize("kind", BAD_DATA)
def test_bad_data(run: Run, kind: str) -> None:
    Path("data").mkdir()
    BAD_DATA[kind](Path("data"))
    arguments = ("search", "--data", "./data", "--set", "data.batch_size=2", *OUT)
    assert_refused(run, arguments, SAYS["data"][kind])


@pytest.mark.parametrize("kind", OPTIONS)
def test_bad_options(run: Run, kind: str) -> None:
    make_surroundings()
    assert_refused(run, *OPTIONS[kind])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("search", "--sed", "3"), "no such option: --sed"),
        (("serch",), "no such command 'serch'. Did you mean 'search'; see radars --help"),
        (("evaluate",), "missing argument 'directory'; see radars evaluate --help"),
        (("search", "--seed", "x"), "invalid value for '--seed'"),
        (("compare", "--jobs", "0"), "invalid value for '--jobs'"),
    ],
)
def test_what_is_not_a_command_or_an_option(
    run: Run, arguments: tuple[str, ...], says: str
) -> None:
    assert_refused(run, arguments, says)
    assert list(Path.cwd().iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["bomb", "tag-that-runs"])
def test_a_bad_file_in_a_process_of_its_own(kind: str, tmp_path: Path) -> None:
    file = CORPUS / "configurations" / f"{kind}.yaml"
    ended = subprocess.run(
        [sys.executable, "-m", "radars", *arguments_of("configurations", file)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert SAYS["configurations"][kind] in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_the_corpus_is_large_and_every_message_of_it_is_looked_at() -> None:
    assert len(FILES) + len(BYTES) * len(TEXT_READERS) + len(BAD_DATA) + len(OPTIONS) >= 250
    known = {folder: sorted(SAYS[folder]) for folder in READERS}
    assert known == {
        folder: sorted(file.stem for file in FILES if file.parent.name == folder)
        for folder in READERS
    }
    assert sorted(SAYS["data"]) == sorted(BAD_DATA)


def arguments_of(reader: str, file: Path) -> tuple[str, ...]:
    return tuple(part.format(file=file) for part in READERS[reader])


def make_surroundings() -> None:
    """What the options refer to."""
    Path("full").mkdir()
    Path("full", "mine.txt").write_text("mine")
    Path("notes.txt").write_text("notes")
    Path("loop").symlink_to("loop")
    Path("bombed").mkdir()
    Path("bombed", "config.yaml").write_bytes((CORPUS / "configurations/bomb.yaml").read_bytes())
    architecture = '{"layer0": "skip", "layer1": "skip", "layer2": "skip", "layer3": "skip"}'
    for name in ("good.json", "bombed/architecture.json"):
        Path(name).write_text(architecture[:-1] + ', "layer4": "skip"}')


def assert_refused(run: Run, arguments: tuple[str, ...], says: str) -> None:
    """One line that says what is wrong, and nothing is written."""
    before = snapshot()
    status, output, error = run(*arguments)
    assert status == 2, error
    assert output == ""
    assert error.startswith("error: ")
    assert error.count("\n") == 1, error
    assert len(error) < 700
    assert says in error
    assert snapshot() == before


def snapshot() -> Mapping[str, bytes | None]:
    """Everything in the folder that the command runs in."""
    return {
        str(path): path.read_bytes() if path.is_file() else None for path in Path.cwd().rglob("*")
    }
