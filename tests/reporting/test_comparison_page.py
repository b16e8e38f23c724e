import pytest
from tests.reporting.conftest import row

from radars.reporting.comparison_page import (
    comparison_plots,
    comparison_table,
    differences_table,
    origin_table,
    ranks_table,
)
from radars.reporting.plot import Plot
from radars.reporting.record import ComparisonRecord
from radars.reporting.to_plotly import plotly_figure

ROWS = (
    row("spos", 0, setting="wide"),
    row("darts", 0, 2**21, setting="wide"),
    row("darts", 0, 2**27, setting="huge"),
    row("radars", 1, setting="wide", test_accuracy=0.0, date="2026-11-25"),
    row("radars", 0, setting="huge", environment={"device": "cuda"}),
)


def plots() -> dict[str, Plot]:
    return {plot.key: plot for plot in comparison_plots(ComparisonRecord("c", ROWS))}


def test_table_and_plots_have_one_order() -> None:
    table = comparison_table(ComparisonRecord("c", ROWS))
    assert [line[0] for line in table.rows] == ["huge", "huge", "wide", "wide", "wide"]
    for plot in plots().values():
        names = [name for _, name in plot.x_ticks]
        assert names == sorted(names)
    assert [series.name for series in plots()["test-accuracy"].series] == ["huge", "wide"]


def test_memory_tells_settings_apart_and_says_what_is_beyond_its_scale() -> None:
    plot = plots()["memory"]
    shown = {series.name: series for series in plot.series}
    assert list(shown) == [
        "huge: measured peak",
        "huge: needed, so it did not run",
        "wide: measured peak",
        "wide: needed, so it did not run",
        "budget 1.0 MiB",
    ]
    assert shown["wide: needed, so it did not run"].texts == [""]
    beyond = shown["huge: needed, so it did not run"]
    assert beyond.texts == ["↑ 128"]
    assert max(y or 0 for series in plot.series for y in series.y) == beyond.y[0] == 2.6
    places = [x for series in plot.series[:-1] for x in series.x]
    assert len(set(places)) == len(places)


def test_an_axis_of_what_is_not_negative_is_not_negative() -> None:
    axis = plotly_figure(plots()["test-accuracy"])["layout"]["yaxis"]
    assert axis["rangemode"] == "nonnegative"


def test_when_and_where_is_said() -> None:
    assert origin_table(ComparisonRecord("c", ROWS)).rows == [
        ["date", "2026-11-25; 2026-11-26"],
        ["device", "cpu; cuda"],
    ]


def test_differences_from_radars_are_drawn_with_their_intervals() -> None:
    rows = [
        row(method, seed, setting="s", test_accuracy=0.8 + 0.01 * seed * (method == "radars"))
        for method in ("radars", "spos")
        for seed in range(3)
    ]
    record = ComparisonRecord("c", tuple(rows))
    plot = next(p for p in comparison_plots(record) if p.key == "differences")
    assert plot.x_ticks == [(0, "spos, s")]
    shown = {series.name: series for series in plot.series}
    assert list(shown["mean"].y) == pytest.approx([-1.0])
    low, high, gap = shown["95% interval"].y
    assert low is not None
    assert high is not None
    assert low < -1.0 < high <= 0.0
    assert gap is None
    assert differences_table(record).rows[0][:2] == ["s", "spos"]
    assert ranks_table(record).rows == [["radars", "1.17", "3 of 3"], ["spos", "1.83", "3 of 3"]]
