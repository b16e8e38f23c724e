from collections.abc import Callable, Mapping
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path

import pytest
from tests.tiny import zoo_space

from radars.reporting.diagram import Diagram, diagram_of, text_width
from radars.reporting.record import RunRecord, read_directory
from radars.zoo import zoo

# these are as mobile, but take long to trace
LONG = ("mobile-large", "mobile-elastic", "ofa-mobile", "resnet-elastic", "vit-elastic")
SHAPES = {entry.name: entry.input_shape for entry in zoo() if entry.name not in LONG}


def drawn(name: str, write: Callable[..., Path], costs: Mapping[str, int] | None = None) -> Diagram:
    space = zoo_space(name)
    architecture = {choice: names[-1] for choice, names in space.full.items()}
    network = asdict(space.flow(SHAPES[name]))
    run = read_directory(
        write({"event": "search_started", "network": network}, architecture=architecture)
    )
    assert isinstance(run, RunRecord)
    diagram = diagram_of(run, costs)
    assert diagram is not None
    return diagram


@pytest.mark.parametrize("name", SHAPES)
def test_nothing_is_drawn_outside_or_over_another_box(
    name: str, written_run: Callable[..., Path]
) -> None:
    diagram = drawn(name, written_run)
    boxes = [box for box in diagram.boxes if box.kind != "bar"]
    assert len(boxes) >= len(zoo_space(name).choices)
    for above, below in pairwise(boxes):
        assert above.y + above.height <= below.y
    for box in boxes:
        assert box.x >= 0
        assert box.x + box.width <= diagram.width
        assert box.y + box.height <= diagram.height
    for wire in diagram.wires:
        assert all(0 <= x <= diagram.width and 0 <= y <= diagram.height for x, y in wire.points)
    assert diagram.width <= 420  # a phone shows it without shrinking the text much


def test_a_chain_is_told_in_order(written_run: Callable[..., Path]) -> None:
    diagram = drawn("digits", written_run, {f"layer{i}": i for i in range(5)})
    assert diagram.description.startswith("A chain from the input to the output: layer0 mb4_k3, ")
    assert not diagram.nodes
    texts = [text.text for text in diagram.texts]
    assert "16 x 8 x 8" in texts
    assert "40% MACs" in texts


def test_a_cell_has_the_nodes_of_the_publication(written_run: Callable[..., Path]) -> None:
    diagram = drawn("nasbench201", written_run)
    assert [node.number for node in diagram.nodes] == [0, 1, 2, 3]
    for edge in ("01", "02", "12", "03", "13", "23"):
        said = f"edge{edge} from node {edge[0]} to node {edge[1]}: avg_pool_3x3"
        assert said in diagram.description
    assert "15 of these cells" in diagram.description


def test_a_run_that_did_not_log_its_wiring_is_drawn_as_a_chain(
    written_run: Callable[..., Path],
) -> None:
    run = read_directory(written_run(architecture={"a": "skip", "b": "conv"}))
    assert isinstance(run, RunRecord)
    diagram = diagram_of(run)
    assert diagram is not None
    assert [box.kind for box in diagram.boxes] == ["end", "passive", "choice", "end"]


def test_no_text_is_wider_than_its_place(written_run: Callable[..., Path]) -> None:
    wide = "MMMMWWWWMMMMWWWW"
    run = read_directory(written_run(architecture={wide: wide, "b": "identity_identity"}))
    assert isinstance(run, RunRecord)
    diagram = diagram_of(run, {wide: 1, "b": 0})
    assert diagram is not None
    assert "100% MACs" in [text.text for text in diagram.texts]
    [box] = [box for box in diagram.boxes if box.kind == "choice"]
    for text in diagram.texts:
        width = text_width(text.text, text.kind)
        if text.anchor == "middle":
            assert width <= box.width
        elif text.anchor == "start":
            assert text.x + width <= diagram.width
        else:
            assert width <= text.x
