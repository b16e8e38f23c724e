"""What a stage is given, and what it leaves: figures, checks, and a line for the table."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch


class Skipped(Exception):  # noqa: N818 - nothing is wrong
    """The stage makes no sense here; says why."""


@dataclass(frozen=True)
class Setting:
    """Where a stage runs.

    Attributes:
        device: what is checked.
        data: the folder of the bundle's images; None where no bundle was given.
        is_quick: for a rehearsal: few steps of small networks.
        ends_at: the moment of `time.monotonic` when it should end with what it has.
    """

    device: torch.device
    data: Path | None
    is_quick: bool
    ends_at: float

    @property
    def is_late(self) -> bool:
        """Whether it is time to end with what there is."""
        return time.monotonic() >= self.ends_at

    def of(self, quick: int, whole: int) -> int:
        """A number of things: in a rehearsal, and otherwise."""
        return quick if self.is_quick else whole

    def images(self, name: str) -> Path:
        """The folder of `cifar10` or `imagenet`.

        Raises:
            Skipped: no bundle was given.
        """
        if self.data is None:
            raise Skipped("it needs images; give the bundle with --data FILE")
        return self.data / name

    def require_cuda(self, why: str) -> None:
        """Skips the stage where the device is no GPU.

        Raises:
            Skipped: it is none.
        """
        if self.device.type != "cuda":
            raise Skipped(why)

    def synchronise(self) -> None:
        """Waits for the GPU, so that time can be read."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


@dataclass
class Figures:
    """What a stage found. Each change is written at once: what ends a stage does not lose it.

    Attributes:
        path: where the file is.
        numbers: name to a plain value.
        checks: what should be so, and whether it is.
        lines: for people.
    """

    path: Path
    numbers: dict[str, Any] = field(default_factory=dict)
    checks: dict[str, bool] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)

    def note(self, **numbers: Any) -> None:
        """Keeps numbers."""
        self.numbers |= numbers
        self._write()

    def check(self, name: str, is_so: bool) -> None:
        """Keeps whether something that should be so is."""
        self.checks[name] = bool(is_so)
        self._write()

    def say(self, line: str) -> None:
        """Keeps a line for the table."""
        self.lines.append(line)
        self._write()

    def _write(self) -> None:
        kept = {"checks": self.checks, "lines": self.lines, **self.numbers}
        self.path.write_text(json.dumps(kept))


@dataclass(frozen=True)
class Stage:
    """A part of the check.

    Attributes:
        name: its name.
        seconds: the most that it may take; it is ended then.
        run: does it.
    """

    name: str
    seconds: float
    run: Callable[[Setting, Figures], None]


def milliseconds(setting: Setting, step: Callable[[], object], number: int) -> float:
    """The mean time of a step, after two that warm up; the GPU is waited for at the end only."""
    for _ in range(2):
        step()
    setting.synchronise()
    start = time.perf_counter()
    for _ in range(number):
        step()
    setting.synchronise()
    return 1e3 * (time.perf_counter() - start) / number
