"""`Plot`: a figure of a report, whatever draws it. No text here is HTML; who draws it escapes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from radars.units import GIB, KIB, MIB, TIB

_MOST_TABLE_ROWS = 12  # of one curve

Style = Literal["line", "steps", "points", "limit"]


@dataclass(frozen=True)
class Series:
    """Points with one name.

    Attributes:
        name: what the legend calls it.
        x: the horizontal position of each point.
        y: the vertical position of each point; None for a gap.
        style: joined by lines, by steps, by nothing, or a dotted limit.
        notes: what is said of each point where somebody points at it.
        texts: what is written below each point; nothing where empty.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float | None]
    style: Style = "line"
    notes: Sequence[str] = ()
    texts: Sequence[str] = ()


@dataclass(frozen=True)
class HeatMap:
    """Squares whose colour is the stronger, the larger a fraction.

    Attributes:
        x: the horizontal positions of the columns; in between are their borders.
        row_labels: the labels of rows, from above.
        values: the values of each row, for each column a fraction; None leaves the square empty.
        notes: likewise, what is said of a square.
        texts: likewise, what is written in it; none where empty.
        breaks: rows above which there is a line.
    """

    x: Sequence[float]
    row_labels: Sequence[str]
    values: Sequence[Sequence[float | None]]
    notes: Sequence[Sequence[str]]
    texts: Sequence[Sequence[str]] = ()
    breaks: Sequence[int] = ()


@dataclass(frozen=True)
class Span:
    """A stretch of the horizontal axis that has a name, and is shaded or not."""

    start: float
    end: float
    label: str
    is_shaded: bool = False


@dataclass(frozen=True)
class TextTable:
    """The numbers of a figure in short, as text."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Plot:
    """A figure.

    Attributes:
        key: a name for files and links, unique within a run.
        title: a title of a few words.
        caption: what is to be seen, in a sentence or two; also for who cannot see it.
        x_label: the label of the horizontal axis, with its unit.
        y_label: the label of the vertical axis, with its unit.
        table: the numbers in short: of a long curve some points.
        series: the curves.
        heat_map: instead of curves.
        spans: named stretches behind the curves.
        x_ticks: where labels stand on the horizontal axis, and what they say, instead of numbers.
        from_zero: whether the vertical axis starts at 0.
    """

    key: str
    title: str
    caption: str
    x_label: str
    y_label: str
    table: TextTable
    series: Sequence[Series] = ()
    heat_map: HeatMap | None = None
    spans: Sequence[Span] = ()
    x_ticks: Sequence[tuple[float, str]] = field(default=())
    from_zero: bool = False

    @property
    def is_nonnegative(self) -> bool:
        """Whether it has curves, and no point of them is below 0; then the axis is not, either."""
        values = [y for series in self.series for y in series.y if y is not None]
        return bool(values) and min(values) >= 0


def time_unit(most_seconds: float) -> tuple[float, str]:
    """The unit for a time axis: its seconds, and its name."""
    if most_seconds >= 3 * 3600:
        return 3600.0, "hours"
    return (60.0, "minutes") if most_seconds >= 180 else (1.0, "seconds")


def byte_unit(most_bytes: float) -> tuple[float, str]:
    """The unit for an axis of bytes: its bytes, and its name."""
    units = ((TIB, "TiB"), (GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB"))
    return next(((float(size), name) for size, name in units if most_bytes >= size), (1.0, "bytes"))


def shortened(text: str, most: int) -> str:
    """At most that many characters, with an ellipsis in the middle."""
    if len(text) <= most:
        return text
    half = (most - 1) // 2
    return f"{text[: most - 1 - half]}…{text[len(text) - half :]}"


def thinned(number: int, most: int) -> list[int]:
    """At most that many indices of so many, evenly, with the first and the last."""
    if number <= most:
        return list(range(number))
    return sorted({round(index * (number - 1) / (most - 1)) for index in range(most)})


def series_table(series: Sequence[Series], x_label: str, form: str) -> TextTable:
    """Some points of each curve, as text."""
    rows = []
    for one in series:
        known = [(x, y) for x, y in zip(one.x, one.y, strict=True) if y is not None]
        for index in thinned(len(known), _MOST_TABLE_ROWS):
            x, y = known[index]
            rows.append([one.name, f"{x:.4g}", form.format(y)])
    return TextTable(["curve", x_label, "value"], rows)
