"""`Progress`: how far a run is, for people: bars on a terminal, lines elsewhere, or nothing."""

import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TextIO

import rich.progress as rich_progress
from rich.console import Console
from rich.table import Column

from radars.units import format_bytes, format_seconds


@dataclass
class Bar:
    """How far one phase is. `advance` is what the loops call; the rest is for display."""

    description: str
    total: int | None
    on_change: Callable[["Bar"], None]
    completed: int = 0
    accuracy: float | None = None
    memory_bytes: int | None = None
    budget_bytes: int | None = None
    live_candidates: tuple[int, int] | None = None

    def advance(
        self,
        steps: int = 1,
        *,
        accuracy: float | None = None,
        memory_bytes: int | None = None,
        budget_bytes: int | None = None,
        live_candidates: tuple[int, int] | None = None,
    ) -> None:
        """Says that `steps` more are done; a number that is not given stays as it was.

        Args:
            steps: done since the last call.
            accuracy: the latest, as a fraction.
            memory_bytes: the peak so far.
            budget_bytes: what the peak may be.
            live_candidates: how many are searched among, and how many there are.
        """
        self.completed += steps
        self.accuracy = self.accuracy if accuracy is None else accuracy
        self.memory_bytes = self.memory_bytes if memory_bytes is None else memory_bytes
        self.budget_bytes = self.budget_bytes if budget_bytes is None else budget_bytes
        self.live_candidates = live_candidates or self.live_candidates
        self.on_change(self)

    def count_text(self) -> str:
        """`120/600`, or `120` where the total is not known."""
        return f"{self.completed}" if self.total is None else f"{self.completed}/{self.total}"

    def accuracy_text(self) -> str:
        """`accuracy 91.0%`, or nothing."""
        return "" if self.accuracy is None else f"accuracy {self.accuracy:.1%}"

    def memory_text(self) -> str:
        """`120.0 MiB of 256.0 MiB`, or nothing."""
        if self.memory_bytes is None:
            return ""
        budget = "" if self.budget_bytes is None else f" of {format_bytes(self.budget_bytes)}"
        return f"{format_bytes(self.memory_bytes)}{budget}"

    def live_text(self) -> str:
        """`14/20 live`, or nothing."""
        if self.live_candidates is None:
            return ""
        live, total = self.live_candidates
        return f"{live}/{total} live"


class Progress(ABC):
    """Reports the phases of a run.

    ```python
    with progress.phase("explore", total=600) as bar:
        for step in range(600):
            bar.advance(accuracy=0.91)
    ```
    """

    @abstractmethod
    def phase(
        self, description: str, total: int | None = None, completed: int = 0
    ) -> AbstractContextManager[Bar]:
        """Reports one phase while the block runs; phases may be nested.

        Args:
            description: a word or two.
            total: the number of steps, where it is known.
            completed: how many were done before, in a run that is resumed.
        """

    def say(self, line: str) -> None:  # noqa: B027 - a class of users need not show it
        """Shows a line between phases; nothing, unless a class says otherwise."""


class NoProgress(Progress):
    """Reports nothing: for use as a library."""

    @contextmanager
    def phase(
        self, description: str, total: int | None = None, completed: int = 0
    ) -> Iterator[Bar]:
        """Reports nothing."""
        yield Bar(description, total, lambda bar: None, completed)


class PlainProgress(Progress):
    """Writes a line every few seconds, and one at the end of each phase.

    Args:
        stream: where the lines go; standard output as it is at the time, where it is not given.
        interval_seconds: between two lines.
        clock: the time in seconds, from any origin.
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        interval_seconds: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = stream
        self._interval_seconds = interval_seconds
        self._clock = clock

    @contextmanager
    def phase(
        self, description: str, total: int | None = None, completed: int = 0
    ) -> Iterator[Bar]:
        """Writes lines such as `explore 120/600, accuracy 91.0%, 2 min 10 s left`."""
        start = last_line = self._clock()

        def on_change(bar: Bar) -> None:
            nonlocal last_line
            now = self._clock()
            if now - last_line >= self._interval_seconds:
                last_line = now
                self._write(bar, _time_text(bar, completed, now - start))

        bar = Bar(description, total, on_change, completed)
        try:
            yield bar
        finally:
            self._write(bar, f"{format_seconds(self._clock() - start)} in all")

    def say(self, line: str) -> None:
        """Writes the line."""
        print(line, file=self._stream or sys.stdout, flush=True)

    def _write(self, bar: Bar, time_text: str) -> None:
        head = f"{bar.description} {bar.count_text()}"
        parts = [head, bar.accuracy_text(), bar.memory_text(), bar.live_text(), time_text]
        print(", ".join(filter(None, parts)), file=self._stream or sys.stdout, flush=True)


class TerminalProgress(Progress):
    """Draws a bar for each phase; those of nested phases are erased when they end.

    Args:
        console: where to draw; standard output where it is not given.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._bars = rich_progress.Progress(
            rich_progress.TextColumn("{task.description}", markup=False),
            rich_progress.BarColumn(),
            rich_progress.TextColumn("{task.fields[count]}", markup=False),
            rich_progress.TextColumn("{task.fields[accuracy]}", markup=False),
            rich_progress.TextColumn("{task.fields[memory]}", markup=False),
            rich_progress.TextColumn("{task.fields[live]}", markup=False),
            rich_progress.TimeRemainingColumn(table_column=Column(no_wrap=True)),
            console=console,
        )

    @contextmanager
    def phase(
        self, description: str, total: int | None = None, completed: int = 0
    ) -> Iterator[Bar]:
        """Draws a bar while the block runs."""
        task = self._bars.add_task(
            description, total=total, completed=completed, count="", accuracy="", memory="", live=""
        )

        def on_change(bar: Bar) -> None:
            self._bars.update(
                task,
                completed=bar.completed,
                count=bar.count_text(),
                accuracy=bar.accuracy_text(),
                memory=bar.memory_text(),
                live=bar.live_text(),
            )

        bar = Bar(description, total, on_change, completed)
        on_change(bar)
        self._bars.start()
        try:
            yield bar
        finally:
            if len(self._bars.task_ids) == 1:
                self._bars.stop()  # before the bar is removed, so that its last state stays visible
            self._bars.remove_task(task)

    def say(self, line: str) -> None:
        """Prints the line above the bars."""
        self._bars.console.print(line, markup=False, highlight=False)


def progress_for(stream: TextIO | None = None) -> Progress:
    """Bars where the stream (standard output, if not given) is a terminal, lines elsewhere."""
    console = Console(file=stream)
    return TerminalProgress(console) if console.is_terminal else PlainProgress(stream)


def shown_progress(asked: bool | Progress | None) -> Progress | None:
    """What a caller wants to see; where nobody says, it is shown in a notebook only."""
    if isinstance(asked, Progress):
        return asked
    is_shown = is_notebook() if asked is None else asked
    return progress_for() if is_shown else None


def is_notebook() -> bool:
    """Whether the code runs in a notebook (an IPython kernel)."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return shell is not None and hasattr(shell, "kernel")


def _time_text(bar: Bar, completed_before: int, elapsed_seconds: float) -> str:
    num_steps = bar.completed - completed_before
    if bar.total is None or num_steps <= 0:
        return f"{format_seconds(elapsed_seconds)} so far"
    seconds_left = elapsed_seconds / num_steps * max(bar.total - bar.completed, 0)
    return f"{format_seconds(seconds_left)} left"
