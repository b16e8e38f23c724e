"""`Diagram`: the network that was found, drawn for this purpose. Read from above, on a phone too.

A choice is a box with its candidate in it, dashed where the candidate does nothing but pass on (or
drop) what it is given. Beside it stand the shape that it returns and its share of the network's
multiply-accumulates. In a chain each box feeds the next. Where choices are edges of a cell,
numbered nodes are the sums between them: each has a line of its own on the left, which the boxes
that read it branch off from.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from radars.reporting.plot import shortened
from radars.reporting.record import RunRecord
from radars.space import Flow

ROW = 34.0
BOX_HEIGHT = 24.0
_LANE = 14.0
_NAME_WIDTH = 84.0
_BOX_WIDTH = 122.0
_SIDE_WIDTH = 112.0
_BAR_WIDTH = 30.0
_SIZES = {"label": 12.0, "name": 12.0, "small": 10.5}  # of letters, by kind of text
_NARROW, _WIDE = "ijlftrI|.,:;!'()[] ", "mwMW%@"
_WITHOUT_WEIGHTS = ("skip", "identity", "none", "zero")


@dataclass(frozen=True)
class Box:
    """A rectangle, with its left upper corner; `kind` is `choice`, `passive`, `end` or `bar`."""

    x: float
    y: float
    width: float
    height: float
    kind: str


@dataclass(frozen=True)
class Text:
    """A line of text, vertically in the middle of `y`; `kind` is `name`, `label` or `small`.

    Attributes:
        x: the horizontal position of its `anchor`: `start`, `middle` or `end`.
        y: the vertical position of its middle.
        text: as it is shown.
        full: where that is shortened, the whole.
    """

    x: float
    y: float
    text: str
    anchor: str
    kind: str
    full: str = ""


@dataclass(frozen=True)
class Wire:
    """A line through points, with an arrow at its end, or not."""

    points: tuple[tuple[float, float], ...]
    has_arrow: bool = False


@dataclass(frozen=True)
class Node:
    """A numbered circle."""

    x: float
    y: float
    number: int


@dataclass(frozen=True)
class Diagram:
    """Shapes, in units of about a pixel; y goes down.

    Attributes:
        description: the same in words.
    """

    width: float
    height: float
    boxes: tuple[Box, ...]
    wires: tuple[Wire, ...]
    nodes: tuple[Node, ...]
    texts: tuple[Text, ...]
    description: str


def diagram_of(run: RunRecord, costs: Mapping[str, int] | None = None) -> Diagram | None:
    """The diagram of a run's architecture; None where there is none yet.

    Args:
        run: the run.
        costs: choice to the multiply-accumulates of its candidate.
    """
    architecture = run.architecture
    if not architecture:
        return None
    network = None if run.started is None else run.started.network
    if network is not None and set(network.sources) < set(architecture):  # values are no modules
        architecture = {choice: architecture[choice] for choice in network.sources}
    if network is None or not architecture or set(network.sources) != set(architecture):
        architecture = run.architecture
        choices = list(architecture)  # of a run that did not log it: a chain
        sources: dict[str, tuple[str, ...]] = {
            c: (choices[i - 1] if i else "",) for i, c in enumerate(choices)
        }
        network = Flow(sources=sources, output=(choices[-1],))
    return _Drawing(network, architecture, costs or {}).diagram()


def text_width(text: str, kind: str) -> float:
    """About how wide a text is, in a font with wide letters."""
    letters = sum(0.42 if c in _NARROW else 1.05 if c in _WIDE or c > "~" else 0.7 for c in text)
    return letters * _SIZES[kind] * (1.0 if kind == "label" else 0.9)  # labels are bold


def direct_sources(network: Flow) -> dict[str, frozenset[str]]:
    """The sources of each choice, without those that another of them comes from as well."""
    before: dict[str, frozenset[str]] = {}
    for choice, sources in network.sources.items():
        earlier = (before.get(source, frozenset()) | {source} for source in sources if source)
        before[choice] = frozenset[str]().union({""}, *earlier)

    def direct(sources: tuple[str, ...]) -> frozenset[str]:
        through = frozenset[str]().union(*(before[s] for s in sources if s))
        return frozenset(sources) - through

    known = {choice: direct(sources) for choice, sources in network.sources.items()}
    return known | {_OUTPUT: direct(network.output)}


_OUTPUT = "\0output"


class _Drawing:
    def __init__(
        self, network: Flow, architecture: Mapping[str, str], costs: Mapping[str, int]
    ) -> None:
        self.network = network
        self.architecture = architecture
        self.costs = costs
        self.total = sum(costs.values())
        self.reads = direct_sources(network)
        self.boxes: list[Box] = []
        self.wires: list[Wire] = []
        self.nodes: list[Node] = []
        self.texts: list[Text] = []
        self.left = _LANE
        self.y = 4.0

    def diagram(self) -> Diagram:
        is_cell = any(len(sources) > 1 for sources in self.reads.values())
        words = self._cell() if is_cell else self._chain()
        return Diagram(
            width=self.left + _NAME_WIDTH + _BOX_WIDTH + _SIDE_WIDTH,
            height=self.y + 4,
            boxes=tuple(self.boxes),
            wires=tuple(self.wires),
            nodes=tuple(self.nodes),
            texts=tuple(self.texts),
            description=words,
        )

    def _chain(self) -> str:
        middle = self.left + _NAME_WIDTH + _BOX_WIDTH / 2
        self._end("input", middle)
        for choice in self.network.sources:
            self._arrow(middle)
            self._row(choice)
        self._arrow(middle)
        self._end("output", middle)
        layers = ", ".join(f"{choice} {name}" for choice, name in self._in_order())
        return f"A chain from the input to the output: {layers}."

    def _arrow(self, x: float) -> None:
        self.wires.append(Wire(((x, self.y), (x, self.y + ROW - BOX_HEIGHT)), has_arrow=True))
        self.y += ROW - BOX_HEIGHT

    def _cell(self) -> str:
        """Nodes are what several choices read, or what several add to."""
        contents = self._contents()
        lane_x = self._lane_places(contents)
        begins: list[float] = []
        ends: dict[int, float] = {}
        words = []
        drawn: set[str] = set()
        for number, of in enumerate(contents):
            members = [c for c in self.network.sources if c in of and c not in drawn]
            drawn |= set(members)
            added = []
            for choice in members:
                source = contents.index(self.reads[choice])
                middle = self._row(choice)
                self.wires.append(
                    Wire(
                        ((lane_x[source], middle), (self.left + _NAME_WIDTH - 2, middle)),
                        has_arrow=True,
                    )
                )
                ends[source] = middle
                added.append(middle)
                self.y += ROW - BOX_HEIGHT
                words.append(f"{choice} from node {source} to node {number}: {self._taken(choice)}")
            begins.append(self._node(lane_x[number], number, of, added))
        for number, end in ends.items():
            if end > begins[number]:
                x = lane_x[number]
                self.wires.append(Wire(((x, begins[number] + 9), (x, end))))
        words += self._repetition()
        return "A cell whose nodes are sums of what its choices return. " + "; ".join(words)

    def _contents(self) -> list[frozenset[str]]:
        """What each node of a cell is the sum of, in the order in which they are complete."""
        contents = [frozenset({""})]
        for sources in self.reads.values():
            if sources not in contents:
                contents.append(sources)
        order = list(self.network.sources)
        unread = frozenset(order) - frozenset[str]().union(*contents)
        if unread:  # the end of a cell that only later copies of a cell read
            contents.append(unread)
        contents.sort(key=lambda of: max((order.index(c) for c in of if c), default=-1))
        return contents

    def _lane_places(self, contents: list[frozenset[str]]) -> list[float]:
        """Where the line of each node is; makes room for all."""
        last_reader = [
            max(
                (self._target(c, contents) for c, sources in self.reads.items() if sources == of),
                default=number,
            )
            for number, of in enumerate(contents)
        ]
        lanes = _lanes(list(enumerate(last_reader)))
        num_lanes = max(lanes) + 1
        self.left = _LANE * (num_lanes + 1)
        return [_LANE * (num_lanes - lane) for lane in lanes]

    def _node(self, x: float, number: int, of: frozenset[str], added: list[float]) -> float:
        """Draws a node at the current height, and what is added to it; returns its middle."""
        y = self.y + BOX_HEIGHT / 2
        right = self.left + _NAME_WIDTH + _BOX_WIDTH
        bend = right + _LANE / 2
        for middle in added:
            self.wires.append(Wire(((right, middle), (bend, middle), (bend, y), (x + 9, y))))
        self.nodes.append(Node(x, y, number))
        what = "input" if number == 0 else f"sum of {len(of)}" if len(of) > 1 else ""
        if of == self.reads[_OUTPUT]:
            what = f"output, {what}" if what else "output"
        self.texts.append(Text(x + 14, y - 9, what, "start", "small"))
        self.y += ROW
        return y

    def _repetition(self) -> list[str]:
        """Says how often the cell stands in the network, where that is more than once."""
        places = self.network.num_places.values() or [1]
        least, most = min(places), max(places)
        if most == 1:
            return []
        note = f"The network has {most} of these cells."
        if least < most:
            note = f"Each choice stands in {least} to {most} places of the network."
        self.texts.append(Text(4, self.y + 6, note, "start", "small"))
        self.y += 20
        return [note]

    def _target(self, choice: str, contents: list[frozenset[str]]) -> int:
        return next((i for i, of in enumerate(contents) if choice in of), len(contents) - 1)

    def _row(self, choice: str) -> float:
        """Draws a choice at the current height; returns the middle of its box."""
        x, y, name = self.left + _NAME_WIDTH, self.y, self._taken(choice)
        middle = y + BOX_HEIGHT / 2
        is_passive = any(word in name.lower() for word in _WITHOUT_WEIGHTS)
        self.boxes.append(Box(x, y, _BOX_WIDTH, BOX_HEIGHT, "passive" if is_passive else "choice"))
        self._text(x - 12, middle, choice, "end", "name", _NAME_WIDTH - 12)
        self._text(x + _BOX_WIDTH / 2, middle, name, "middle", "label", _BOX_WIDTH - 10)
        side = x + _BOX_WIDTH + 14
        shape = self.network.shapes.get(choice)
        if shape:
            shape_text = " x ".join(map(str, shape))
            self._text(side, middle - 6, shape_text, "start", "small", _SIDE_WIDTH - 14)
        if self.total:
            share = self.costs.get(choice, 0) / self.total
            self.boxes.append(Box(side, middle + 3, max(_BAR_WIDTH * share, 0.5), 6, "bar"))
            x = side + _BAR_WIDTH * share + 4
            self.texts.append(Text(x, middle + 7, f"{share:.0%} MACs", "start", "small"))
        self.y += BOX_HEIGHT
        return middle

    def _end(self, name: str, middle: float) -> None:
        self.boxes.append(Box(middle - 34, self.y, 68, BOX_HEIGHT, "end"))
        self.texts.append(Text(middle, self.y + BOX_HEIGHT / 2, name, "middle", "label"))
        self.y += BOX_HEIGHT

    def _text(self, x: float, y: float, text: str, anchor: str, kind: str, room: float) -> None:
        most = len(text)
        while most > 1 and text_width(shortened(text, most), kind) > room:
            most -= 1
        short = shortened(text, most)
        self.texts.append(Text(x, y, short, anchor, kind, text if short != text else ""))

    def _taken(self, choice: str) -> str:
        return self.architecture[choice]

    def _in_order(self) -> list[tuple[str, str]]:
        return [(choice, self.architecture[choice]) for choice in self.network.sources]


def _lanes(stretches: list[tuple[int, int]]) -> list[int]:
    """The lowest lane that is free for each stretch, in the order of their starts."""
    busy_until: list[int] = []
    lanes = []
    for start, end in stretches:
        free = next((lane for lane, until in enumerate(busy_until) if until <= start), None)
        if free is None:
            free = len(busy_until)
            busy_until.append(end)
        busy_until[free] = max(end, start + 1)
        lanes.append(free)
    return lanes
