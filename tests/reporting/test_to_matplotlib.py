from matplotlib.figure import Figure

from radars.reporting.plot import HeatMap, Plot, Series, Span, TextTable
from radars.reporting.to_matplotlib import _plotted

SPANS = (Span(2.0, 6.0, "1 explore"), Span(6.0, 10.0, "1 diff.", is_shaded=True))


def plot(**parts: object) -> Plot:
    return Plot("key", "title", "caption", "time", "value", TextTable([], []), spans=SPANS, **parts)  # type: ignore[arg-type]


def test_phases_span_the_axis_and_have_names_within_it() -> None:
    axes = _plotted(Figure(), plot(series=[Series("a", [4.0, 9.0], [0.0, 1.0])])).axes[0]
    assert axes.get_xlim() == (2.0, 10.0)
    assert [(text.get_text(), text.xy[0]) for text in axes.texts] == [
        ("1 explore", 2.0),
        ("1 diff.", 6.0),
    ]
    assert axes.get_ylim()[0] == 0.0


def test_a_heat_map_keeps_its_rows_and_its_phases_apart() -> None:
    heat_map = HeatMap([3.0, 9.0], ["a", "b"], [[0.1, 0.2], [None, 1.0]], [["", ""], ["", ""]])
    axes = _plotted(Figure(), plot(heat_map=heat_map)).axes[0]
    assert axes.get_xlim() == (2.0, 10.0)
    assert axes.get_ylim() == (1.5, -0.5)
