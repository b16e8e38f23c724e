"""`plotly_figure`: a `Plot` as what Plotly's JavaScript draws.

Plotly reads some HTML in every label. All text from data goes through `label`, which leaves none.
Colours are the page's: its script sets them, for a light or a dark screen and for paper.
"""

import html
from collections.abc import Sequence
from typing import Any

from radars.reporting.plot import HeatMap, Plot, Series, Span, shortened

SYMBOLS = ("circle", "square", "diamond", "cross", "x", "triangle-up", "star", "hexagon")
DASHES = ("solid", "dash", "dashdot", "longdash", "longdashdot")
COLOURS = (  # Okabe and Ito 2008: told apart without red and green
    *("#0072B2", "#D55E00", "#009E73", "#CC79A7"),
    *("#E69F00", "#56B4E9", "#7f7f7f", "#b8860b"),
)


def label(text: str) -> str:
    """Text that Plotly shows as it is."""
    return html.escape(text, quote=False)


def plotly_figure(plot: Plot) -> dict[str, Any]:
    """The `data` and the `layout` of a plot."""
    x_axis: dict[str, Any] = {"title": {"text": label(plot.x_label)}, "zeroline": False}
    y_axis: dict[str, Any] = {"title": {"text": label(plot.y_label)}, "zeroline": False}
    if plot.from_zero or plot.is_nonnegative:
        y_axis["rangemode"] = "tozero" if plot.from_zero else "nonnegative"
    if plot.x_ticks:
        x_axis |= {
            "tickvals": [x for x, _ in plot.x_ticks],
            "ticktext": [label(shortened(text, 20)) for _, text in plot.x_ticks],
            "ticklabeloverflow": "allow",  # the last one too
        }
    layout: dict[str, Any] = {
        "xaxis": x_axis,
        "yaxis": y_axis,
        "height": 340,
        "margin": {"l": 60, "r": 16, "t": 24, "b": 48},
        "hovermode": "closest",
        "legend": {"orientation": "h", "x": 0, "yref": "container", "y": 0, "yanchor": "bottom"},
        "shapes": [],
        "annotations": [],
    }
    if plot.heat_map is not None:
        data = _heat_map(plot.heat_map, layout)
    else:
        data = [_series(series, index) for index, series in enumerate(plot.series)]
        layout["showlegend"] = len(data) > 1
    _add_spans(plot.spans, layout)
    return {"data": data, "layout": layout}


def _series(series: Series, index: int) -> dict[str, Any]:
    colour = COLOURS[index % len(COLOURS)]
    trace: dict[str, Any] = {
        "type": "scatter",
        "name": label(series.name),
        "x": list(series.x),
        "y": list(series.y),
        "mode": _mode(series),
        "line": {"color": colour, "dash": DASHES[index % len(DASHES)], "width": 2},
        "marker": {"color": colour, "symbol": SYMBOLS[index % len(SYMBOLS)], "size": 7},
        "hoverinfo": "text",
        "hovertext": [label(note) for note in series.notes] or label(series.name),
        "cliponaxis": False,  # a mark at the end of the time is drawn as a whole
    }
    if any(series.texts):
        trace |= {"mode": "markers+text", "text": [label(text) for text in series.texts]}
        trace["textposition"] = "bottom center"
    if series.style == "steps":
        trace["line"]["shape"] = "hv"
    if series.style == "limit":
        trace["line"] |= {"dash": "dot", "width": 3}
    return trace


def _mode(series: Series) -> str:
    if series.style == "points":
        return "markers"
    return "lines" if series.style == "limit" or len(series.x) > _MANY_POINTS else "lines+markers"


_MANY_POINTS = 60  # marks would cover each other


def _heat_map(heat_map: HeatMap, layout: dict[str, Any]) -> list[dict[str, Any]]:
    rows = list(range(len(heat_map.row_labels)))
    trace: dict[str, Any] = {
        "type": "heatmap",
        "x": list(heat_map.x),
        "y": rows,
        "z": [list(row) for row in heat_map.values],
        "zmin": 0,
        "zmax": 1,
        "xgap": 1 if heat_map.texts else 0,
        "ygap": 1,
        "hoverinfo": "text",
        "hovertext": [[label(note) for note in row] for row in heat_map.notes],
        "hoverongaps": True,
        "showscale": not heat_map.texts,
        "colorbar": {"thickness": 10, "tickformat": ".0%", "outlinewidth": 0},
    }
    if heat_map.texts:
        trace |= {"text": [[label(text) for text in row] for row in heat_map.texts]}
        trace |= {"texttemplate": "%{text}"}
    layout["yaxis"] |= {
        "autorange": "reversed",
        "tickvals": rows,
        "ticktext": [label(shortened(text, _MOST_LABEL)) for text in heat_map.row_labels],
        "automargin": True,
        "showgrid": False,
        "title": {"text": ""},
    }
    layout["xaxis"]["showgrid"] = False
    layout["height"] = 110 + max(19 if not heat_map.texts else 26, 19) * len(rows)
    layout["margin"] |= {"l": 10, "t": 24}
    layout["shapes"] += [
        {
            "type": "line",
            "xref": "paper",
            "x0": 0,
            "x1": 1,
            "y0": row - 0.5,
            "y1": row - 0.5,
            "line": {"width": 1.5},
            "name": "break",
        }
        for row in heat_map.breaks
    ]
    return [trace]


_MOST_LABEL = 22  # characters: more would leave a phone no room


def _add_spans(spans: Sequence[Span], layout: dict[str, Any]) -> None:
    """Some stretches are shaded. Each says what it is; the page leaves out what has no room."""
    if not spans:
        return
    start, end = spans[0].start, spans[-1].end
    layout["xaxis"]["range"] = [start, end]
    for span in spans:
        layout["shapes"].append(
            {
                "type": "rect",
                "yref": "paper",
                "y0": 0,
                "y1": 1,
                "layer": "below",
                "x0": span.start,
                "x1": span.end,
                "line": {"width": 0},
                "name": "shaded" if span.is_shaded else "plain",
            }
        )
        layout["shapes"].append(
            {
                "type": "line",
                "yref": "paper",
                "y0": 0,
                "y1": 1.03,
                "layer": "below",
                "x0": span.start,
                "x1": span.start,
                "line": {"width": 1, "dash": "dot"},
                "name": "border",
            }
        )
        layout["annotations"].append(
            {
                "x": span.start,
                "y": 1.0,
                "yref": "paper",
                "text": label(span.label),
                "showarrow": False,
                "xanchor": "left",
                "yanchor": "bottom",
                "font": {"size": 10},
                "room": (span.end - span.start) / ((end - start) or 1.0),  # for the page
            }
        )
