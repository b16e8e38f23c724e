"""The moving picture of the README, drawn of a real search."""

import importlib.util
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from types import ModuleType
from xml.etree.ElementTree import Element

import pytest

from radars.runs import load_events
from radars.runs.read_run import read_result

SVG = "{http://www.w3.org/2000/svg}"
SCRIPT = Path(__file__).parents[2] / "docs" / "make_search_picture.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location(SCRIPT.stem, SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _of_class(picture: Element, name: str) -> list[Element]:
    return [element for element in picture.iter() if element.get("class") == name]


def test_memory_moves_below_the_budget_and_the_end_is_what_was_found(
    script: ModuleType, run_path: Path
) -> None:
    events = list(load_events(run_path / "events.jsonl"))
    picture = ElementTree.fromstring(script.picture(events, 2**30))
    result = read_result(run_path)
    assert result is not None

    [bar] = _of_class(picture, "held")
    [budget] = _of_class(picture, "budget")
    [animate] = bar.iter(f"{SVG}animate")
    widths = [float(width) for width in animate.attrib["values"].split(";")]
    assert widths == sorted(widths)
    assert 0 < widths[-1] == float(bar.attrib["width"])
    assert widths[-1] <= float(budget.attrib["x1"]) - float(bar.attrib["x"])

    assert len(_of_class(picture, "found")) == len(result["architecture"])
    texts = {text.text for text in picture.iter(f"{SVG}text")}
    assert {*result["architecture"], *result["architecture"].values()} <= texts


def test_moments_of_every_animation_are_in_order(script: ModuleType, run_path: Path) -> None:
    events = list(load_events(run_path / "events.jsonl"))
    picture = ElementTree.fromstring(script.picture(events, 2**30))
    for animate in picture.iter(f"{SVG}animate"):
        times = [float(time) for time in animate.attrib["keyTimes"].split(";")]
        assert times == sorted(times)
        assert (times[0], times[-1]) == (0.0, 1.0)
        assert len(times) == len(animate.attrib["values"].split(";"))


def test_a_search_that_has_not_ended_has_no_picture(script: ModuleType, run_path: Path) -> None:
    events = list(load_events(run_path / "events.jsonl"))
    with pytest.raises(ValueError, match="completed"):
        script.picture(events[:-1], 2**30)
