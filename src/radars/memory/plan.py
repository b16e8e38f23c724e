"""`Plan`: which candidates of a space stay live, and how training them fits a budget."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from radars.memory.predict import StepMemory
from radars.memory.tracker import Breakdown
from radars.nn.memory_saving.savings import MemorySavings
from radars.nn.steps import StepKind
from radars.space import Subspace


@dataclass(frozen=True)
class Plan:
    """How to train a subspace within a budget.

    Attributes:
        subspace: the candidates that stay live.
        savings: what trades time for memory.
        memory: the exact prediction of the dearest step.
        is_pruned: whether candidates were given up.
        time_ratio: the expected time of an iteration, as a multiple of that without savings.
        lighter: the kind of step that fits with cheaper savings, and those; None where all kinds
            take the same.
    """

    subspace: Subspace
    savings: MemorySavings
    memory: StepMemory
    is_pruned: bool = False
    time_ratio: float = 1.0
    lighter: tuple[StepKind, MemorySavings] | None = None

    @property
    def measures(self) -> tuple[str, ...]:
        """What was done to fit, in order, such as `recompute`, `micro_batches=2`, `prune`."""
        return self.savings.names + (("prune",) if self.is_pruned else ())

    def savings_of(self, kind: StepKind) -> MemorySavings:
        """What trades time for memory in a kind of step."""
        if self.lighter is not None and self.lighter[0] is kind:
            return self.lighter[1]
        return self.savings

    def to_dict(self) -> dict[str, Any]:
        """What `from_dict` makes the plan from: of numbers, texts and the like."""
        return {
            "subspace": {choice: list(names) for choice, names in self.subspace.items()},
            "savings": asdict(self.savings),
            "memory": asdict(self.memory),
            "is_pruned": self.is_pruned,
            "time_ratio": self.time_ratio,
            "lighter": self.lighter and (self.lighter[0].value, asdict(self.lighter[1])),
        }

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> "Plan":
        """The plan of which `to_dict` made the values."""
        memory, lighter = values["memory"], values["lighter"]
        return Plan(
            Subspace(values["subspace"]),
            MemorySavings(**values["savings"]),
            StepMemory(
                memory["peak_bytes"], Breakdown(**memory["breakdown"]), StepKind(memory["kind"])
            ),
            values["is_pruned"],
            values["time_ratio"],
            lighter and (StepKind(lighter[0]), MemorySavings(**lighter[1])),
        )
