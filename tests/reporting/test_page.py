"""The report in a real browser: one session for all that is asked of it."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tests.reporting.conftest import HOSTILE, row

from radars.reporting import ComparisonRecord, RunRecord, read_directory, report_page
from radars.runs.event_schema import PreferencesEvent, SearchStartedEvent
from radars.space import Flow

CHROMIUM = os.environ.get("RADARS_CHROMIUM") or shutil.which("chromium")


def hostile(run: RunRecord) -> RunRecord:
    """The run, with a choice and a candidate whose names are HTML."""
    [first, *rest] = run.events
    assert isinstance(first, SearchStartedEvent)
    candidates = {HOSTILE: ("<b>bold</b>", "x & y"), **run.candidates}
    sources: dict[str, tuple[str, ...]] = {HOSTILE: ("",), "a": (HOSTILE,)}
    sources |= {"b": ("a",), "c": ("b",)}
    changes = {"candidates": candidates, "network": Flow(sources=sources, output=("c",))}
    events = [
        event.model_copy(update={"values": {HOSTILE: (0.25, None), **event.values}})
        if isinstance(event, PreferencesEvent)
        else event
        for event in rest
    ]
    return replace(
        run,
        name=f"run {HOSTILE}",
        architecture={HOSTILE: "<b>bold</b>", **run.architecture},
        config={**run.config, HOSTILE: HOSTILE},
        events=(first.model_copy(update=changes), *events),
    )


@pytest.fixture(scope="module")
def page(run_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("no chromium on the PATH, nor named by RADARS_CHROMIUM")
    sync_api = pytest.importorskip("playwright.sync_api")
    run = read_directory(run_path)
    assert isinstance(run, RunRecord)
    rows = [row("radars", seed) for seed in range(3)] + [row("darts", 0, 2**22)]
    file = tmp_path_factory.mktemp("page") / "report.html"
    records: list[RunRecord | ComparisonRecord] = [
        hostile(run),
        replace(run, name="second"),
        ComparisonRecord("three", tuple(rows)),
    ]
    file.write_text(report_page(records), "utf-8")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 390, "height": 844})
        page.said, page.asked = [], []
        page.on("console", lambda message: page.said.append(message.text))
        page.on("pageerror", lambda error: page.said.append(str(error)))
        page.on("dialog", lambda dialog: (page.said.append("a dialog"), dialog.dismiss()))
        page.on("request", lambda request: page.asked.append(request.url))
        page.goto(file.as_uri())
        page.wait_for_selector("body[data-drawn]", timeout=120_000)
        yield page
        browser.close()


@pytest.mark.slow
def test_it_is_drawn_alone_and_shows_names_as_they_are(page: Any) -> None:
    # without an error, and without asking anybody for anything
    assert page.said == []
    assert [url for url in page.asked if not url.startswith(("file:", "data:", "blob:"))] == []
    plots = page.locator(".plot")
    assert plots.count() == int(page.evaluate("document.body.dataset.drawn")) >= 14
    assert page.locator(".plot .main-svg").count() >= plots.count()
    assert page.locator(".heatmaplayer image").count() == 4
    assert page.locator("svg.diagram").count() == 2
    assert page.evaluate("document.documentElement.scrollWidth") <= 390

    # what a phone has no room for: no word is broken for it, and no label is left out
    assert page.locator("#comparison .scroll.cut").count() > 0
    status = page.locator("#comparison td", has_text="completed").first
    assert status.evaluate("cell => getComputedStyle(cell).overflowWrap") == "break-word"
    pruning = page.locator('[data-figure^="pruning"]')
    assert pruning.locator(".xtick text", has_text="found").count() == pruning.count()

    # a phase has its name where there is room: here rarely, and never two upon each other
    for figure in page.locator("#accuracy .plot").all():
        phases = figure.locator(".annotation").evaluate_all(
            "all => all.map(one => "
            "[one.getBoundingClientRect().left, one.getBoundingClientRect().right])"
        )
        assert all(right <= left for (_, right), (left, _) in pairwise(phases))

    # names that are HTML, in the page, the diagram, a figure's labels and its tooltip
    assert page.locator("h1").inner_text().startswith(f"run {HOSTILE} and second")
    assert page.locator("svg.diagram title", has_text=HOSTILE).count() == 1
    figure = page.locator('[data-figure="preferences-0-preferences"]')
    assert "<scr" in figure.locator(".ytick text").first.evaluate("element => element.textContent")
    assert page.locator("b", has_text="bold").count() == 0
    figure.scroll_into_view_if_needed()
    box = figure.locator(".nsewdrag").bounding_box()
    column = figure.evaluate("plot => plot._fullLayout.xaxis.d2p(plot.data[0].x[1])")
    page.mouse.move(box["x"] + column, box["y"] + 5)
    tooltip = figure.locator(".hoverlayer .hovertext")
    tooltip.wait_for(timeout=10_000)
    assert f"{HOSTILE} <b>bold</b>, explore" in tooltip.evaluate("element => element.textContent")
    assert page.said == []

    # the same without figures: every one has its table, and they are told to who cannot see
    assert page.locator("figure details table").count() == plots.count()
    assert page.locator('.plot:not([role="img"][aria-label])').count() == 0
    levels = page.locator("h1, h2, h3").evaluate_all("all => all.map(one => +one.tagName[1])")
    assert all(below - above <= 1 for above, below in pairwise(levels))
    assert "darts" in page.locator("#comparison table").first.inner_text()

    # on paper nothing is closed, and nothing is there that only leads somewhere
    assert not any(table.is_visible() for table in page.locator("details table").all())
    page.emulate_media(media="print")
    assert all(table.is_visible() for table in page.locator("details table").all())
    assert not page.locator("nav").is_visible()
    assert not page.locator("summary").first.is_visible()
    page.emulate_media(media="screen")

    # other colours in the dark, drawn again
    colour = "getComputedStyle(document.querySelector('.xtick text')).fill"
    light = page.evaluate(colour)
    page.emulate_media(color_scheme="dark")
    page.wait_for_selector("body[data-scheme=dark]", timeout=60_000)
    assert page.evaluate(colour) != light
    assert page.said == []
