"""`SearchResult.plot`: what its figure holds."""

import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from radars.engine import SearchResult
from radars.engine.search_result import read_search
from radars.errors import ConfigError
from radars.runs.events import load_events

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def _result(path: Path) -> SearchResult:
    result = read_search(path)
    assert result is not None
    return result


@pytest.fixture
def without_front(run_path: Path, tmp_path: Path) -> SearchResult:
    path = tmp_path / "run"
    shutil.copytree(run_path, path, ignore=shutil.ignore_patterns("pareto.json"))
    return _result(path)


def _titles(figure: "Figure") -> list[str]:
    return [axes.get_title() for axes in figure.axes]


def _curves(figure: "Figure", index: int) -> dict[Any, Any]:
    return {
        line.get_label(): tuple(
            np.asarray(v).tolist() for v in (line.get_xdata(), line.get_ydata())
        )
        for line in figure.axes[index].get_lines()
    }


def test_a_front_is_drawn_where_the_search_has_one(run_path: Path) -> None:
    figure = _result(run_path).plot()
    assert _titles(figure) == ["Accuracy against multiply-accumulates"]
    curves = _curves(figure, 0)
    assert curves.keys() == {"front", "others"}
    assert curves["front"] == ([100.0, 200.0], pytest.approx([60.0, 70.0]))
    assert curves["others"] == ([0.0], [50.0])


def test_a_front_needs_no_run_directory(run_path: Path) -> None:
    figure = replace(_result(run_path), directory=None).plot()
    [(name, points)] = _curves(figure, 0).items()
    assert name == "front"
    assert points == ([100.0, 200.0], pytest.approx([60.0, 70.0]))


def test_otherwise_accuracy_over_time_beside_memory_against_the_budget(
    without_front: SearchResult,
) -> None:
    figure = without_front.plot()
    assert _titles(figure) == ["Best accuracy so far", "Memory against the budget"]
    assert figure.axes[0].get_xlim() == figure.axes[1].get_xlim()
    accuracy, memory = (_curves(figure, index) for index in range(2))
    [(times, best)] = [values for name, values in accuracy.items() if name == "run"]
    assert times == sorted(times)
    assert best == sorted(best)
    assert without_front.directory is not None
    scored = [
        value
        for event in load_events(without_front.directory / "events.jsonl")
        for value in getattr(event, "accuracies", ())
        if value is not None
    ]
    assert best[-1] == pytest.approx(100 * max(scored))
    assert max(memory["measured peak so far"][1]) <= min(memory["budget"][1])


def test_a_notebook_shows_it(run_path: Path) -> None:
    figure: Any = _result(run_path).plot()
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_without_a_run_directory_there_are_no_curves(without_front: SearchResult) -> None:
    with pytest.raises(ConfigError, match=r"this one kept none; search with out="):
        replace(without_front, directory=None).plot()


def test_without_matplotlib_it_says_what_to_install(
    run_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ConfigError, match=r"a figure needs matplotlib.*radars-nas\[figures\]"):
        _result(run_path).plot()
