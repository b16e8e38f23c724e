"""Figures as SVG and PDF, and in notebooks. The only place with matplotlib."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radars.errors import ConfigError
from radars.reporting.diagram import Diagram
from radars.reporting.page import Section
from radars.reporting.plot import HeatMap, Plot, Series, Span, shortened
from radars.reporting.to_plotly import COLOURS
from radars.runs.files import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MARKERS = ("o", "s", "D", "P", "X", "^", "*", "h")
_DASHES: tuple[Any, ...] = ("-", "--", "-.", (0, (8, 3)), (0, (8, 3, 2, 3)))
_WIDTH_INCHES = 5.5
_HEIGHT_INCHES = 2.6
_DOTS_PER_INCH = 150  # in a notebook
_POINT_INCHES = 1 / 72
_CHARACTER = 0.0095  # the part of the axis that a letter takes
_STYLE: Any = {
    "font.size": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "radars",  # the same figure is the same file
    "pdf.fonttype": 42,
    "text.parse_math": False,  # a name may hold a dollar
}


def write_figures(sections: Sequence[Section], directory: Path) -> list[Path]:
    """Writes `<section>[-<run>]-<figure>.svg` and `.pdf`; returns the files.

    Args:
        sections: the sections of a report.
        directory: made where it does not exist.

    Raises:
        ConfigError: matplotlib is not installed, or the directory cannot be made.
        RunError: a file cannot be written.
    """
    style = _style("--figures")
    from matplotlib.figure import Figure

    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"cannot make {directory}: {error.strerror}; choose another --figures"
        ) from error
    files: list[Path] = []
    with style:
        for section in sections:
            for index, panel in enumerate(section.panels):
                run = f"-{index + 1}" if len(section.panels) > 1 else ""
                drawn = [
                    *(("diagram", _drawing(Figure(), diagram)) for diagram in panel.diagrams),
                    *((p.key, _plotted(Figure(layout="constrained"), p)) for p in panel.plots),
                ]
                for key, figure in drawn:
                    for kind in ("svg", "pdf"):
                        file = directory / f"{section.key}{run}-{key}.{kind}"
                        with replacing(file) as temporary:
                            date = {"Date": None} if kind == "svg" else {"CreationDate": None}
                            figure.savefig(temporary, format=kind, metadata=date)
                        files.append(file)
    return files


def side_by_side(plots: Sequence[Plot]) -> "Figure":
    """Plots in one figure, each under its title. A notebook shows the figure.

    Args:
        plots: one or more.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    style = _style("a figure")
    from matplotlib.figure import Figure

    class NotebookFigure(Figure):
        """A figure that a notebook shows once, whether it uses pyplot or not."""

        def _repr_png_(self) -> bytes:
            with BytesIO() as file:
                self.savefig(file, format="png", dpi=_DOTS_PER_INCH)
                return file.getvalue()

    with style:
        figure = NotebookFigure(
            figsize=(_WIDTH_INCHES * len(plots), _HEIGHT_INCHES), layout="constrained"
        )
        every = figure.subplots(1, len(plots), squeeze=False)[0]
        for axes, plot in zip(every, plots, strict=True):
            _draw(axes, plot)
            axes.set_title(plot.title, pad=12)  # above the names of phases
    return figure


def _style(who: str) -> AbstractContextManager[None]:
    """Within, figures look as those of a report; `who` needs it."""
    try:
        from matplotlib import rc_context
    except ImportError as error:
        raise ConfigError(
            f'{who} needs matplotlib, but it is not installed; pip install "radars-nas[figures]"'
        ) from error
    return rc_context(_STYLE)


def _plotted(figure: Any, plot: Plot) -> Any:
    height = _HEIGHT_INCHES
    if plot.heat_map is not None:
        height = 0.8 + 0.16 * len(plot.heat_map.row_labels)
    figure.set_size_inches(_WIDTH_INCHES, height)
    _draw(figure.subplots(), plot)
    return figure


def _draw(axes: "Axes", plot: Plot) -> None:
    if plot.heat_map is not None:
        _heat_map(axes, plot.heat_map)
    for index, series in enumerate(plot.series):
        _curve(axes, series, index)
    _mark(axes, plot.spans)
    axes.set_xlabel(plot.x_label)
    axes.set_ylabel(plot.y_label)
    if plot.x_ticks:
        axes.set_xticks([x for x, _ in plot.x_ticks], [text for _, text in plot.x_ticks])
    if plot.is_nonnegative:
        axes.set_ylim(bottom=max(0.0, axes.get_ylim()[0]))
    if plot.from_zero:
        axes.set_ylim(0, 1.04 * axes.get_ylim()[1])
    if len(plot.series) > 1:
        axes.legend(loc="best")


def _curve(axes: "Axes", series: Series, index: int) -> None:
    y = [float("nan") if value is None else value for value in series.y]
    line: Any = _DASHES[index % len(_DASHES)]
    if series.style in ("points", "limit"):
        line = "none" if series.style == "points" else ":"
    axes.plot(
        list(series.x),
        y,
        label=series.name,
        color=COLOURS[index % len(COLOURS)],
        linestyle=line,
        linewidth=1.2,
        drawstyle="steps-post" if series.style == "steps" else "default",
        marker="" if series.style == "limit" else _MARKERS[index % len(_MARKERS)],
        markevery=max(1, len(y) // 15) if series.style in ("line", "steps") else 1,
        markersize=4,
    )
    for x, height, text in zip(series.x, y, series.texts, strict=False):
        axes.annotate(text, (x, height), (0, -5), textcoords="offset points", ha="center", va="top")


def _heat_map(axes: "Axes", heat_map: HeatMap) -> None:
    rows = len(heat_map.row_labels)
    values = [[float("nan") if v is None else v for v in row] for row in heat_map.values]
    mesh = axes.pcolormesh(
        _borders(heat_map.x),
        [row - 0.5 for row in range(rows + 1)],
        values,
        cmap="Blues",
        vmin=0,
        vmax=1,
        edgecolors="white" if heat_map.texts else "none",
        rasterized=not heat_map.texts,
    )
    for row, texts in enumerate(heat_map.texts):
        for x, text, value in zip(heat_map.x, texts, heat_map.values[row], strict=True):
            colour = "white" if (value or 0) > 0.6 else "black"
            axes.text(x, row, text, ha="center", va="center", color=colour)
    for row in heat_map.breaks:
        axes.axhline(row - 0.5, color="gray", linewidth=0.6)
    axes.set_yticks(range(rows), [shortened(text, 28) for text in heat_map.row_labels])
    axes.invert_yaxis()
    if not heat_map.texts and axes.figure is not None:
        axes.figure.colorbar(mesh, ax=axes, label="probability")


def _borders(x: Sequence[float]) -> list[float]:
    """Between the columns, and outside of the first and the last."""
    if len(x) == 1:
        return [x[0] - 0.5, x[0] + 0.5]
    middles = [(left + right) / 2 for left, right in pairwise(x)]
    return [2 * x[0] - middles[0], *middles, 2 * x[-1] - middles[-1]]


def _mark(axes: "Axes", spans: Sequence[Span]) -> None:
    """Some stretches are shaded, and those that are wide enough say what they are."""
    if not spans:
        return
    whole = spans[-1].end - spans[0].start
    axes.set_xlim(spans[0].start, spans[-1].end)
    for span in spans:
        if span.is_shaded:
            axes.axvspan(span.start, span.end, color="black", alpha=0.06, linewidth=0)
        axes.axvline(span.start, color="gray", linewidth=0.6, linestyle=":")
        if span.end - span.start > len(span.label) * _CHARACTER * whole:
            axes.annotate(
                span.label,
                (span.start, 1.0),
                xycoords=axes.get_xaxis_transform(),
                fontsize=6,
                va="bottom",
            )


def _drawing(figure: Any, diagram: Diagram) -> Any:
    from matplotlib.patches import Circle, FancyBboxPatch, Rectangle

    figure.set_size_inches(diagram.width * _POINT_INCHES, diagram.height * _POINT_INCHES)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, diagram.width)
    axes.set_ylim(diagram.height, 0)
    axes.axis("off")
    for wire in diagram.wires:
        x, y = zip(*wire.points, strict=True)
        axes.plot(x, y, color="gray", linewidth=1, solid_joinstyle="round")
        if wire.has_arrow:
            axes.annotate(
                "",
                wire.points[-1],
                wire.points[-2],
                arrowprops={"arrowstyle": "-|>", "color": "gray"},
            )
    for box in diagram.boxes:
        place = (box.x, box.y)
        if box.kind == "bar":
            axes.add_patch(Rectangle(place, box.width, box.height, color=COLOURS[0]))
            continue
        axes.add_patch(
            FancyBboxPatch(
                place,
                box.width,
                box.height,
                boxstyle="round,pad=0,rounding_size=4",
                facecolor="#eef3f9" if box.kind == "choice" else "white",
                edgecolor=COLOURS[0] if box.kind == "choice" else "gray",
                linestyle="--" if box.kind == "passive" else "-",
                zorder=2,
            )
        )
    for node in diagram.nodes:
        axes.add_patch(Circle((node.x, node.y), 8, facecolor="white", edgecolor="black", zorder=3))
        axes.text(node.x, node.y, str(node.number), ha="center", va="center", zorder=4)
    anchors = {"start": "left", "middle": "center", "end": "right"}
    for text in diagram.texts:
        axes.text(
            text.x,
            text.y,
            text.text,
            ha=anchors[text.anchor],
            va="center",
            zorder=4,
            fontsize=7 if text.kind == "small" else 8.5,
            fontweight="bold" if text.kind == "label" else "normal",
        )
    return figure
