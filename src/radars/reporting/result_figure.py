"""`result_figure`: what a search found, as a figure for a notebook."""

from dataclasses import replace
from typing import TYPE_CHECKING

from radars.engine.search_result import SearchResult
from radars.errors import ConfigError
from radars.reporting.anytime import anytime_plot
from radars.reporting.plot import Plot
from radars.reporting.record import Pareto, RunRecord, read_directory
from radars.reporting.run_plots import memory_plot, pareto_plots, spans
from radars.reporting.to_matplotlib import side_by_side

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def result_figure(result: SearchResult) -> "Figure":
    """The front of a search that has one; otherwise its best accuracy and its memory, over time.

    Args:
        result: the end of a search.

    Raises:
        ConfigError: matplotlib is not installed; or the search kept no run directory, has not been
            trained for long enough to have anything to draw, or its files cannot be read.
        RunError: its events are damaged.
    """
    plots = _plots(result)
    if not plots:
        raise ConfigError(
            f"a figure shows what a search scored, but {result.directory} has no scores; "
            f"search for longer"
        )
    return side_by_side(plots)


def _plots(result: SearchResult) -> list[Plot]:
    if result.directory is None:
        if not result.front:
            raise ConfigError(
                "curves are drawn from the run directory of a search, but this one kept none; "
                "search with out=..."
            )
        return pareto_plots(Pareto.of_front(result.front))
    run = read_directory(result.directory)
    assert isinstance(run, RunRecord)
    if run.pareto.points:
        return pareto_plots(run.pareto)
    accuracy, memory = anytime_plot([run], at_least=1), memory_plot(run)
    if accuracy is not None:
        accuracy = replace(accuracy, spans=spans(run))  # the same time axis for both
    return [plot for plot in (accuracy, memory) if plot is not None]
