"""`report_page`: one HTML file that holds everything, and asks nothing of any network."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from radars.comparison.paired import DIFFERENCES_TITLE, RANKS_TITLE
from radars.reporting.anytime import anytime_plot
from radars.reporting.comparison_page import (
    comparison_plots,
    comparison_table,
    differences_table,
    origin_table,
    ranks_table,
)
from radars.reporting.diagram import Diagram, diagram_of
from radars.reporting.facts import (
    baselines_table,
    confusion_table,
    environment_table,
    facts_table,
    finalists_table,
    headline,
    macs_of_choices,
    memory_share,
    notice,
    settings_table,
)
from radars.reporting.plot import Plot, TextTable
from radars.reporting.pruning_plots import preferences_plots, stages_plot
from radars.reporting.record import ComparisonRecord, RunRecord
from radars.reporting.run_plots import (
    accuracy_plot,
    entropy_plot,
    memory_plot,
    pareto_plots,
    training_plots,
)
from radars.reporting.to_plotly import plotly_figure


@dataclass(frozen=True)
class Panel:
    """What a section shows of one run."""

    run: str
    plots: Sequence[Plot] = ()
    diagrams: Sequence[Diagram] = ()
    tables: Sequence[tuple[str, TextTable]] = ()


@dataclass(frozen=True)
class Section:
    """A heading, and below it the runs side by side.

    Attributes:
        key: what links lead to.
        title: the heading.
        intro: a sentence under it.
        panels: one for each run that has something to show.
        tables: the tables of all runs together.
    """

    key: str
    title: str
    intro: str
    panels: Sequence[Panel] = ()
    tables: Sequence[tuple[str, TextTable]] = field(default=())


def report_page(records: Sequence[RunRecord | ComparisonRecord]) -> str:
    """The whole file.

    Args:
        records: runs and comparisons, with names that differ; runs are shown side by side.
    """
    runs = [record for record in records if isinstance(record, RunRecord)]
    shown = sections(records)
    figures = {
        f"{section.key}-{index}-{plot.key}": plotly_figure(plot)
        for section in shown
        for index, panel in enumerate(section.panels)
        for plot in panel.plots
    }
    template = _templates().get_template("page.html.jinja")
    return template.render(
        title=" and ".join(record.name for record in records),
        runs=[(run, notice(run), headline(run), memory_share(run)) for run in runs],
        sections=shown,
        is_many=len(records) > 1,
        figures=figures,
        style=_text("page.css"),
        script=_text("page.js"),
        plotly=_plotly(),
    )


def sections(records: Sequence[RunRecord | ComparisonRecord]) -> list[Section]:
    """What a report shows, in order; without what nobody has anything of."""
    runs = [record for record in records if isinstance(record, RunRecord)]
    comparisons = [record for record in records if isinstance(record, ComparisonRecord)]
    found = [_comparison(comparisons), *_together(runs)]
    for key, title, intro, panel_of in _OF_A_RUN:
        found.append(Section(key, title, intro, [panel_of(run) for run in runs]))
    if runs:
        found.append(_details(runs))
    shown = []
    for section in found:
        panels = [p for p in section.panels if p.plots or p.diagrams or p.tables]
        if panels or section.tables:
            shown.append(Section(section.key, section.title, section.intro, panels, section.tables))
    return shown


def _comparison(comparisons: Sequence[ComparisonRecord]) -> Section:
    return Section(
        "comparison",
        "Comparison",
        "A row of the table is a method in a setting: medians over its seeds, with the range "
        "in parentheses. A mark in a figure is one search, where it does not say otherwise.",
        [Panel(c.name, [plot]) for c in comparisons for plot in comparison_plots(c)],
        [
            known
            for c in comparisons
            for known in (
                (c.name, comparison_table(c)),
                (DIFFERENCES_TITLE, differences_table(c)),
                (RANKS_TITLE, ranks_table(c)),
                ("When and where", origin_table(c)),
            )
            if known[1].rows
        ],
    )


def _together(runs: Sequence[RunRecord]) -> list[Section]:
    """What several runs are shown in together."""
    plot = anytime_plot(runs)
    if plot is None:
        return []
    panel = Panel(" and ".join(run.name for run in runs), [plot])
    return [Section("anytime", "Accuracy against time", "", [panel])]


def _network_panel(run: RunRecord) -> Panel:
    drawn = diagram_of(run, macs_of_choices(run))
    return Panel(run.name, diagrams=[] if drawn is None else [drawn])


def _preferences_panel(run: RunRecord) -> Panel:
    return Panel(run.name, [*preferences_plots(run), *_some(entropy_plot(run))])


def _evaluation_panel(run: RunRecord) -> Panel:
    table = confusion_table(run)
    return Panel(run.name, tables=[] if table is None else [("Confusion", table)])


def _baselines_panel(run: RunRecord) -> Panel:
    table = baselines_table(run)
    return Panel(run.name, tables=[] if table is None else [table])


def _accuracy_panel(run: RunRecord) -> Panel:
    finalists = finalists_table(run)
    tables = [] if finalists is None else [(_FINALISTS, finalists)]
    return Panel(run.name, _some(accuracy_plot(run)), tables=tables)


_OF_A_RUN: Sequence[tuple[str, str, str, Callable[[RunRecord], Panel]]] = (
    (
        "network",
        "The network",
        "From above: the candidate that each choice took, the shape that it returns for one "
        "example, and its share of their multiply-accumulates. Dashed boxes only pass on "
        "what they are given, or drop it.",
        _network_panel,
    ),
    (
        "baselines",
        "Beside networks that need no search",
        "What was found and baselines within the same constraints and budget, trained alone in the "
        "same way when the search was over, and compared on the validation part.",
        _baselines_panel,
    ),
    (
        "pruning",
        "How the space was pruned",
        "A round explores by reinforcement learning, plans which candidates fit the budget, "
        "and differentiates those. In the end the most promising networks of the last plan "
        "are trained alone, and the best of them is what is found.",
        lambda run: Panel(run.name, _some(stages_plot(run))),
    ),
    (
        "preferences",
        "Policy and logits",
        "What the search preferred, and how sure it was.",
        _preferences_panel,
    ),
    ("accuracy", "Reward and accuracy", "", _accuracy_panel),
    ("training", "Training", "", lambda run: Panel(run.name, training_plots(run))),
    (
        "evaluation",
        "On the test split",
        "Examples that the network never saw: a row for each class, a column for what it was "
        "taken for; of many classes, what is confused most.",
        _evaluation_panel,
    ),
    ("memory", "Memory", "", lambda run: Panel(run.name, _some(memory_plot(run)))),
    ("pareto", "Pareto front", "", lambda run: Panel(run.name, pareto_plots(run.pareto))),
)
"""Key, title, introduction and contents of the sections that show runs side by side."""


def _details(runs: Sequence[RunRecord]) -> Section:
    settings = "All settings" if len(runs) == 1 else "Settings that differ"
    tables = [
        ("Results", facts_table(runs)),
        (settings, settings_table(runs)),
        ("Environment", environment_table(runs)),
    ]
    return Section(
        "details",
        "Results, configuration and environment",
        "",
        tables=[(title, table) for title, table in tables if table.rows],
    )


_FINALISTS = (
    "Finalists of the selection, and the validation accuracy of each after it was trained alone in "
    "a halving round"
)


def _some(plot: Plot | None) -> list[Plot]:
    return [] if plot is None else [plot]


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("radars.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _text(name: str) -> Markup:
    """A file of ours, which is put into the page as it is."""
    return Markup(files("radars.reporting").joinpath("templates", name).read_text(encoding="utf-8"))


def _plotly() -> Markup:
    """Plotly's JavaScript, which draws the figures."""
    script = files("plotly").joinpath("package_data", "plotly.min.js").read_text(encoding="utf-8")
    return Markup(script.replace("</script", "<\\/script"))
