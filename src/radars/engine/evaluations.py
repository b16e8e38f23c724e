"""`Evaluations`: everything that a search scored, and the front of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from radars.cost import CostTable, pareto_front
from radars.runs.state import State
from radars.space import Architecture

ACCURACY = "accuracy"


@dataclass(frozen=True)
class Evaluation:
    """A validation accuracy of one architecture.

    Attributes:
        accuracy: a fraction.
        num_examples: that it was scored on.
        is_alone: whether the weights were trained for it alone, or shared with others.
    """

    accuracy: float
    num_examples: int
    is_alone: bool

    @property
    def trust(self) -> tuple[bool, int]:
        """How much it counts: the evaluation of an architecture with the most trust is taken."""
        return self.is_alone, self.num_examples


class Evaluations:
    """The evaluation of each architecture that counts most; of equals, the latest."""

    def __init__(self) -> None:
        self._known: dict[Architecture, Evaluation] = {}

    def add(
        self, architecture: Architecture, accuracy: float, num_examples: int, *, is_alone: bool
    ) -> None:
        """Remembers an accuracy."""
        new = Evaluation(accuracy, num_examples, is_alone)
        known = self._known.get(architecture)
        if known is None or new.trust >= known.trust:
            self._known[architecture] = new

    def items(self) -> Iterator[tuple[Architecture, Evaluation]]:
        """Every architecture, and the evaluation that counts."""
        return iter(self._known.items())

    def state_dict(self) -> State:
        """Every architecture, and the evaluation that counts."""
        known = [[dict(architecture), asdict(e)] for architecture, e in self._known.items()]
        return {"known": known}

    def load_state_dict(self, state: State, /) -> None:
        """Puts back what `state_dict` returned."""
        self._known = {
            Architecture(architecture): Evaluation(**known)
            for architecture, known in state["known"]
        }

    def front(self, objectives: Sequence[str], costs: CostTable) -> dict[str, Any]:
        """The object that `pareto.json` holds (docs/constraints.md).

        Args:
            objectives: `accuracy`, which should be large, and costs, which should be small.
            costs: what each candidate costs.
        """
        metrics = {name: costs.metric(name) for name in objectives if name != ACCURACY}
        rows: list[dict[str, Any]] = [
            {
                "architecture": dict(architecture),
                ACCURACY: known.accuracy,
                **{name: metric.of(architecture) for name, metric in metrics.items()},
                "num_examples": known.num_examples,
                "is_alone": known.is_alone,
            }
            for architecture, known in self._known.items()
        ]
        on_front = pareto_front([_signed(row, objectives) for row in rows])
        rows = [row | {"on_front": is_on} for row, is_on in zip(rows, on_front, strict=True)]
        rows.sort(key=lambda row: [row[name] for name in metrics])
        return {
            "schema": 1,
            "objectives": list(objectives),
            "estimated": [name for name, metric in metrics.items() if metric.whole is not None],
            "points": rows,
        }


def _signed(row: Mapping[str, Any], objectives: Sequence[str]) -> list[float]:
    return [row[name] if name == ACCURACY else -row[name] for name in objectives]
