import io
import sys
from types import SimpleNamespace

import pytest
from rich.console import Console

from radars.tracking.progress import (
    NoProgress,
    PlainProgress,
    Progress,
    TerminalProgress,
    is_notebook,
    progress_for,
)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_line_every_ten_seconds() -> None:
    clock, stream = Clock(), io.StringIO()
    with PlainProgress(stream, clock=clock).phase("explore", total=30) as bar:
        for step in range(25):
            clock.now = step + 1.0
            bar.advance(accuracy=step / 100, memory_bytes=2**20, budget_bytes=2**28)
    assert stream.getvalue().splitlines() == [
        "explore 10/30, accuracy 9.0%, 1.0 MiB of 256.0 MiB, 20.0 s left",
        "explore 20/30, accuracy 19.0%, 1.0 MiB of 256.0 MiB, 10.0 s left",
        "explore 25/30, accuracy 24.0%, 1.0 MiB of 256.0 MiB, 25.0 s in all",
    ]


def test_a_line_between_phases() -> None:
    stream = io.StringIO()
    for progress in (PlainProgress(stream), TerminalProgress(Console(file=stream, width=200))):
        progress.say("this search takes 5 min at most")
    NoProgress().say("nothing")
    assert stream.getvalue() == 2 * "this search takes 5 min at most\n"


def test_candidates_that_are_live() -> None:
    clock, stream = Clock(), io.StringIO()
    with PlainProgress(stream, clock=clock).phase("differentiate", total=2) as bar:
        bar.advance(live_candidates=(14, 20))
        bar.advance()
    assert stream.getvalue() == "differentiate 2/2, 14/20 live, 0.0 s in all\n"


def test_a_resumed_phase_does_not_count_earlier_work_as_speed() -> None:
    clock, stream = Clock(), io.StringIO()
    with PlainProgress(stream, clock=clock).phase("explore", 30, completed=20) as bar:
        clock.now = 10.0
        bar.advance(5)
    assert stream.getvalue().splitlines()[0] == "explore 25/30, 10.0 s left"


def test_an_unknown_total_and_an_error() -> None:
    clock, stream = Clock(), io.StringIO()

    def fail() -> None:
        with PlainProgress(stream, clock=clock).phase("explore") as bar:
            clock.now = 12.0
            bar.advance(3, memory_bytes=1024)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert stream.getvalue().splitlines() == [
        "explore 3, 1.0 KiB, 12.0 s so far",
        "explore 3, 1.0 KiB, 12.0 s in all",
    ]


def test_bars_on_a_terminal() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=120, color_system=None)
    progress = TerminalProgress(console)
    for _ in range(2):
        with progress.phase("round [1]", total=2) as outer:
            with progress.phase("explore", total=4, completed=1) as bar:
                bar.advance(accuracy=0.91, memory_bytes=2**20, budget_bytes=2**28)
                bar.advance(0, live_candidates=(14, 20))
                progress._bars.refresh()
            outer.advance()
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    for part in (
        "round [1]",
        "explore",
        "2/4",
        "accuracy 91.0%",
        "1.0 MiB of 256.0 MiB",
        "14/20",
        "1/2",
    ):
        assert part in text
    assert progress._bars.task_ids == []


@pytest.mark.parametrize("progress", [NoProgress(), PlainProgress()])
def test_every_variant_counts(progress: Progress, capsys: pytest.CaptureFixture[str]) -> None:
    with progress.phase("explore", total=2, completed=1) as bar:
        bar.advance()
    assert bar.completed == 2
    assert bool(capsys.readouterr().out) == isinstance(progress, PlainProgress)


def test_lines_where_the_stream_is_not_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    stream = io.StringIO()
    assert isinstance(progress_for(stream), PlainProgress)
    monkeypatch.setattr(stream, "isatty", lambda: True)
    assert isinstance(progress_for(stream), TerminalProgress)


def test_a_notebook_is_known_by_its_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_notebook()
    shell = SimpleNamespace()
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    assert not is_notebook()  # IPython in a terminal
    shell.kernel = object()
    assert is_notebook()
