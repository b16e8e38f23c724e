"""Tasks that tests run in other processes."""

import errno
import os
import signal
import time
from pathlib import Path
from typing import Any

import torch
from tests.tiny import quick_config, tiny_data, tiny_network, tiny_space
from torch import Tensor, nn

from radars.engine import SearchResult
from radars.engine.given import Given
from radars.engine.run import run_search
from radars.space import Choose, SearchSpace

_SECONDS = 60.0


def double(number: int) -> int:
    return 2 * number


def die_once(flag: Path) -> tuple[str, int]:
    """Is killed where a file is there, which it removes; returns its name, and its threads."""
    if flag.exists():
        flag.unlink()
        os.kill(os.getpid(), signal.SIGKILL)
    return flag.name, torch.get_num_threads()


def die(task: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def time_out(task: int) -> None:
    raise TimeoutError(errno.ETIMEDOUT, "no answer from the disk")


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + _SECONDS
    while not path.exists():
        assert time.monotonic() < deadline, f"nobody made {path}"
        time.sleep(0.01)


def meet(task: tuple[Path, tuple[Path, ...]]) -> str:
    """Ends when all of a group have begun."""
    own, group = task
    own.touch()
    for other in group:
        wait_for(other)
    return own.name


def follow(task: tuple[Path, Path | None]) -> str:
    """Ends after another task."""
    own, other = task
    if other is not None:
        wait_for(other)
    own.touch()
    return own.name


def alone(folder: Path) -> str:
    """Fails where another of these runs on the same node; returns the node."""
    import ray

    node: str = ray.get_runtime_context().get_node_id()
    marker = folder / node
    marker.touch(exist_ok=False)
    for _ in range(30):
        time.sleep(0.01)
        assert marker.exists()
    marker.unlink()
    return node


class Deadly(nn.Module):
    """Kills the process that trains it, where a file is there, which it removes."""

    flag = Path(os.environ.get("RADARS_TEST_FLAG", "missing"))

    def forward(self, image: Tensor) -> Tensor:
        is_traced = type(image) is not Tensor or image.is_meta
        if not is_traced and self.training and self.flag.exists():
            self.flag.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        return image


def deadly_network(choose: Choose) -> nn.Module:
    """27 architectures for images of 1x8x8 in 4 classes, behind a `Deadly`."""
    return nn.Sequential(Deadly(), tiny_network(choose))


def deadly_space() -> SearchSpace:
    return SearchSpace(deadly_network, name="deadly", input_shape=(1, 8, 8))


def searched_quickly(method: str, out: Path) -> None:
    torch.set_num_threads(1)  # as in the tests' own process
    config = quick_config(method, checkpoint_seconds=0)
    run_search(config, Given(space=tiny_space(), data=tiny_data()), out=out)


def searched(method: str, out: Path, executor: dict[str, Any], **options: Any) -> SearchResult:
    config = quick_config(
        method, children={"number": 8, "steps": 3, "batch": 2}, executor=executor, num_threads=1
    )
    return run_search(config, Given(space=deadly_space(), data=tiny_data()), out=out, **options)
