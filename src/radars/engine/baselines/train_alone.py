"""`AloneTraining`: one network trained from scratch, with a record of its own memory."""

from dataclasses import replace
from typing import NamedTuple

from radars.engine.context import SearchContext
from radars.engine.memory_meter import MemoryMeter
from radars.engine.methods.children import Children
from radars.engine.pace import Pace
from radars.engine.search_state import SearchPosition
from radars.runs.skipped import Diverged, SkippedSteps
from radars.runs.state import State
from radars.space import Architecture


class Outcome(NamedTuple):
    """What became of a network: its accuracy, and the peak of its training steps."""

    accuracy: float
    predicted_peak_bytes: int
    measured_peak_bytes: int


class AloneTask(NamedTuple):
    """A network to be trained elsewhere."""

    architecture: Architecture
    num_steps: int


class AloneTraining:
    """Trains as a child of a search is trained, all of its steps.

    The search does not learn of its accuracy, nor of steps that are skipped. It does of its memory,
    when it ends.

    Args:
        context: data, memory, and the settings of the search (`config.children`).
        num_steps: training steps.
    """

    def __init__(self, context: SearchContext, num_steps: int) -> None:
        self._searching = context
        seen = context.guard.meter
        self._meter = MemoryMeter(seen.budget_bytes, corrections=seen.corrections.copy())
        self._guard = replace(context.guard, meter=self._meter)
        self._skipped = SkippedSteps(context.trainer.skipped.limit)
        own = replace(
            context,
            guard=self._guard,
            trainer=replace(context.trainer, guard=self._guard, skipped=self._skipped),
            evaluator=replace(context.evaluator, guard=self._guard, evaluations=None),
            workers=None,
        )
        alike = {"steps": num_steps, "check_fraction": 0.0}
        self._children = Children(own, context.problem.config.children.model_copy(update=alike))

    def run(self, architecture: Architecture, pace: Pace) -> Outcome | None:
        """Trains what is left; returns None where that diverges.

        Args:
            architecture: the network, within budget and constraints.
            pace: told of each training step.

        Raises:
            BudgetError: the device has less memory than was expected, and the network needs more.
        """
        try:
            accuracy = self._children.accuracy(architecture, pace)
        except Diverged:
            return None
        finally:
            self.end()
        meter = self._meter
        return Outcome(accuracy, meter.predicted_peak_bytes, meter.measured_peak_bytes)

    def end(self) -> None:
        """Tells the search what was seen of memory."""
        seen, guard = self._meter, self._searching.guard
        guard.meter.include(seen)
        guard.meter.budget_bytes = min(guard.meter.budget_bytes, seen.budget_bytes)
        guard.follow_meter()

    def state_dict(self) -> State:
        """What a checkpoint keeps."""
        self._skipped.settle()
        return {
            "children": self._children.state_dict(),
            "meter": self._meter.state_dict(),
            "skipped_steps": self._skipped.count,
        }

    def load_state_dict(self, state: State, /) -> None:
        """Puts back what `state_dict` returned, bit for bit."""
        self._meter.load_state_dict(state["meter"])
        self._guard.follow_meter()
        self._skipped.count = state["skipped_steps"]
        self._children.load_state_dict(state["children"])


def train_alone(context: SearchContext, task: AloneTask) -> Outcome | None:
    """Trains a network to its end, or until that diverges; what a worker does."""
    pace = Pace(SearchPosition(), task.num_steps)
    return AloneTraining(context, task.num_steps).run(task.architecture, pace)
