"""Draws the moving picture of the README from the events of a real search.

    radars search --out runs/digits
    python docs/make_search_picture.py runs/digits

Writes `docs/images/search.svg`: the run's own time, shortened to 20 seconds. Where animations are
not shown, the picture is that of the end. C candidates a choice, F frames.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from html import escape
from pathlib import Path

import radars
from radars.engine import SearchConfig
from radars.runs import Event, load_events
from radars.runs.event_schema import (
    PhaseStartedEvent,
    PlannedEvent,
    PreferencesEvent,
    ProgressEvent,
    SearchEndedEvent,
    SearchStartedEvent,
)
from radars.runs.read_run import read_config
from radars.units import format_bytes

PICTURE = Path(__file__).parent / "images" / "search.svg"
NUM_FRAMES = 60
PLAY_SECONDS, HOLD_SECONDS = 20, 5
CELL_HEIGHT, GAP = 26, 6
LEFT, TOP, BAR_WIDTH = 110, 96, 700
SAYS = {
    "explore": "one path at a time is trained; rewards teach a policy",
    "differentiate": "what the plan keeps is trained at once, by gradient",
    "select": "the finalists train alone; the most accurate stays",
}
STYLE = """
text{font-family:Menlo,Consolas,monospace;font-size:14px;fill:#1f2933}
.page{fill:#fff;stroke:#cbd2d9}.cell{fill:#fff;stroke:#9aa5b1}.likely{fill:#2b6cb0}
.found{fill:none;stroke:#dd6b20;stroke-width:3}.gone{stroke:#9aa5b1;stroke-width:1.5}
.track{fill:#e4e7eb}.held{fill:#2b6cb0}.budget{stroke:#c53030;stroke-width:3}.plain{stroke:#616e7c;stroke-width:3;stroke-dasharray:4}.dim{fill:#616e7c}
@media (prefers-color-scheme:dark){text{fill:#e4e7eb}.page{fill:#12181f;stroke:#3e4c59}
.cell{fill:#12181f}.track{fill:#323f4b}.likely,.held{fill:#63a4e8}.dim{fill:#9aa5b1}}
"""


@dataclass(frozen=True)
class Frame:
    """What a search shows at one moment.

    Attributes:
        says: the phase, and how far it is.
        phase: its name.
        peak_bytes: the most that a step has held until now.
        likely: choice to the probability of each candidate.
        live: choice to the candidates that are not pruned.
    """

    says: str = ""
    phase: str = "explore"
    peak_bytes: int = 0
    likely: Mapping[str, Sequence[float | None]] = field(default_factory=dict)
    live: Mapping[str, Sequence[str]] = field(default_factory=dict)


def main() -> None:
    """Reads a run, and writes the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="the directory of a search that is completed")
    directory = parser.parse_args().run
    config = SearchConfig.model_validate(read_config(directory))
    planned = radars.plan(config=config)
    events = list(load_events(directory / "events.jsonl"))
    PICTURE.write_text(picture(events, planned.full_supernet_bytes))


def picture(events: Sequence[Event], plain_bytes: int) -> str:
    """The SVG of a completed search, beside what the plain supernet of its space would need.

    Raises:
        ValueError: the search has not ended.
    """
    started, ended = events[0], events[-1]
    if not isinstance(started, SearchStartedEvent) or not isinstance(ended, SearchEndedEvent):
        raise ValueError("a picture is drawn of a search that is completed; this one is not")
    shown = list(frames(started, events))
    budget = max(event.budget_bytes or 0 for event in events if isinstance(event, ProgressEvent))
    height = TOP + len(started.candidates) * (CELL_HEIGHT + GAP) + 90
    day = datetime.fromtimestamp(started.time, UTC).date().isoformat()
    width = BAR_WIDTH + 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
        f"<title>A search of {escape(started.space)} within {format_bytes(budget)}</title>",
        f"<desc>From the events of a run on {day}; {escape(_machine(started))}.</desc>",
        f"<style>{STYLE}</style>",
        f'<rect class="page" width="{width}" height="{height}" rx="10"/>',
        '<text x="20" y="30">$ radars search</text>',
        *_texts(shown, lambda frame: frame.says, 20, 54),
        *_texts(shown, lambda frame: SAYS.get(frame.phase, ""), 20, 74, css="dim"),
        *_cells(started.candidates, shown, ended.architecture or {}),
        *_bar(shown, budget, plain_bytes, height - 62),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def frames(started: SearchStartedEvent, events: Sequence[Event]) -> Iterator[Frame]:
    """F moments of a search, at equal distances of its time."""
    total = events[-1].time - started.time
    now = Frame(live=started.candidates)
    waiting = list(events)
    for index in range(NUM_FRAMES):
        seconds = total * index / (NUM_FRAMES - 1)
        while waiting and waiting[0].time - started.time <= seconds + 1e-3:
            now = _after(now, waiting.pop(0), started.candidates)
        yield now


def _after(now: Frame, event: Event, candidates: Mapping[str, Sequence[str]]) -> Frame:
    if isinstance(event, PhaseStartedEvent) and event.phase == "explore":
        return replace(now, phase=event.phase, live=candidates)
    if isinstance(event, PhaseStartedEvent):
        return replace(now, phase=event.phase)
    if isinstance(event, PlannedEvent):
        return replace(now, live=event.subspace)
    if isinstance(event, PreferencesEvent):
        return replace(now, likely=event.values)
    if isinstance(event, ProgressEvent):
        live = f"{event.live_candidates} candidates live"
        says = f"round {event.round + 1}, {event.phase}: step {event.step}, {live}"
        return replace(
            now,
            says=says,
            phase=event.phase,
            peak_bytes=event.measured_peak_bytes or now.peak_bytes,
        )
    if isinstance(event, SearchEndedEvent):
        return replace(now, says="found: the candidates in frames")
    return now


def _machine(started: SearchStartedEvent) -> str:
    known = started.environment
    return ", ".join(known[key] for key in ("processor", "threads", "PyTorch") if key in known)


# --- the parts of the picture ---


def _cells(
    candidates: Mapping[str, Sequence[str]], shown: Sequence[Frame], found: Mapping[str, object]
) -> Iterator[str]:
    for row, (choice, names) in enumerate(candidates.items()):
        y = TOP + row * (CELL_HEIGHT + GAP)
        width = (BAR_WIDTH + 20 - LEFT + GAP) // len(names) - GAP
        yield f'<text x="20" y="{y + 18}">{escape(choice)}</text>'
        for column, name in enumerate(names):
            x = LEFT + column * (width + GAP)
            box = f'x="{x}" y="{y}" width="{width}" height="{CELL_HEIGHT}" rx="4"'
            likely_F = [_likely(frame, choice, column, len(names)) for frame in shown]
            gone_F = [float(name not in frame.live.get(choice, names)) for frame in shown]
            yield f'<rect class="cell" {box}/>'
            yield _moving(f'rect class="likely" {box}', "opacity", likely_F)
            line = f'x1="{x}" y1="{y + CELL_HEIGHT}" x2="{x + width}" y2="{y}"'
            if any(gone_F):
                yield _moving(f'line class="gone" {line}', "opacity", gone_F)
            yield f'<text x="{x + 8}" y="{y + 18}">{escape(str(name))}</text>'
            if found.get(choice) == name:
                hidden_F = [0.0] * (len(shown) - 1) + [1.0]
                yield _moving(f'rect class="found" {box}', "opacity", hidden_F)


def _likely(frame: Frame, choice: str, column: int, num_candidates: int) -> float:
    """How much of a cell is filled; a candidate that is pruned has no probability."""
    values_C = frame.likely.get(choice)
    return 0.75 * (1 / num_candidates if values_C is None else values_C[column] or 0.0)


def _bar(shown: Sequence[Frame], budget: int, plain: int, y: int) -> Iterator[str]:
    scale = (BAR_WIDTH - 20) / max(budget, plain)
    yield f'<text class="dim" x="20" y="{y}">peak memory of a training step</text>'
    yield f'<rect class="track" x="20" y="{y + 10}" width="{BAR_WIDTH}" height="18" rx="3"/>'
    widths = [frame.peak_bytes * scale for frame in shown]
    yield _moving(f'rect class="held" x="20" y="{y + 10}" height="18" rx="3"', "width", widths)
    yield from _texts(shown, lambda frame: format_bytes(frame.peak_bytes), 20, y + 50)
    for name, num_bytes, below in (("budget", budget, 0), ("plain supernet", plain, 50)):
        x = round(20 + num_bytes * scale)
        yield f'<line class="{name.split()[0]}" x1="{x}" y1="{y + 4}" x2="{x}" y2="{y + 34}"/>'
        says = f"{name} {format_bytes(num_bytes)}"
        yield f'<text x="{x}" y="{y + below}" text-anchor="end">{says}</text>'


def _moving(element: str, attribute: str, values_F: Sequence[float]) -> str:
    """An element with one attribute that moves, and at first has its last value."""
    animate = _animate(attribute, values_F, "linear")
    return f'<{element} {attribute}="{values_F[-1]:.3g}">{animate}</{element.split()[0]}>'


def _texts(
    shown: Sequence[Frame],
    says: Callable[[Frame], str],
    x: int,
    y: int,
    anchor: str = "start",
    css: str = "",
) -> Iterator[str]:
    """A text that changes: one element for each wording, of which one is shown."""
    said_F = [says(frame) for frame in shown]
    for wording in dict.fromkeys(said_F):
        shown_F = [float(said == wording) for said in said_F]
        yield (
            f'<text class="{css}" x="{x}" y="{y}" text-anchor="{anchor}" opacity="{shown_F[-1]:g}">'
            f"{escape(wording)}{_animate('opacity', shown_F, 'discrete')}</text>"
        )


def _animate(attribute: str, values_F: Sequence[float], mode: str) -> str:
    """Plays the values at equal distances, and holds the last; what changes nothing is left out."""
    total = PLAY_SECONDS + HOLD_SECONDS
    moments = [(0.0, values_F[0])]
    for index in range(1, len(values_F)):
        around = {values_F[index - 1], values_F[index], values_F[min(index + 1, NUM_FRAMES - 1)]}
        if len(around) > 1:
            moments.append((index / (NUM_FRAMES - 1) * PLAY_SECONDS / total, values_F[index]))
    moments.append((1.0, values_F[-1]))
    times = ";".join(f"{time:.3g}" for time, _ in moments)
    values = ";".join(f"{value:.3g}" for _, value in moments)
    return (
        f'<animate attributeName="{attribute}" calcMode="{mode}" values="{values}" '
        f'keyTimes="{times}" dur="{total}s" repeatCount="indefinite"/>'
    )


if __name__ == "__main__":
    main()
