import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import settings

from radars.cli import app as cli

# where a machine is busy no example is too slow; 25 of a property find what breaks it
settings.register_profile("tests", max_examples=25, deadline=None)
settings.load_profile("tests")
torch.set_num_threads(1)  # tests run side by side
os.environ["OMP_NUM_THREADS"] = "1"  # so do the processes that they start
if not torch.cuda.is_available():
    os.environ["CUDA_VISIBLE_DEVICES"] = ""  # or each trace looks for a driver thousands of times


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """For `-m slow` only files that name the mark are imported; None leaves the others as usual."""
    is_test = collection_path.name.startswith("test_") and collection_path.suffix == ".py"
    if is_test and config.option.markexpr == "slow":
        return "slow" not in collection_path.read_text(encoding="utf-8") or None
    return None


@pytest.fixture(autouse=True, scope="session")
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The price cache of this session, not the user's."""
    path = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RADARS_CACHE_DIR", str(path))
        yield path


def exit_status(*arguments: str) -> int:
    """Runs the command line in this process."""
    status: object = 0
    before = signal.getsignal(signal.SIGTERM)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["radars", *arguments])
        try:
            cli.main()
        except SystemExit as end:
            status = end.code or 0
        finally:
            signal.signal(signal.SIGTERM, before)
    assert isinstance(status, int)
    return status


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[..., tuple[int, str, str]]:
    """Runs the command line in this process, in an empty folder: status, output, errors."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        status = exit_status(*arguments)
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return call


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real data sets (CIFAR-10, a sample of ImageNet); skips where there is none."""
    default = Path(__file__).parents[2] / "shared" / "data"
    path = Path(os.environ.get("RADARS_DATA_DIR", default))
    if not path.is_dir():
        pytest.skip(f"no real data sets in {path}: set RADARS_DATA_DIR to their folder")
    return path
