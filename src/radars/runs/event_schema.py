"""`Event` and its kinds: everything that a run says of itself while it goes on.

The same classes are what a run writes to `events.jsonl`, what a report reads from it, and what a
callback (`on_event`) is given. Accuracies are fractions in [0, 1]; bytes are whole numbers; seconds
are wall-clock.
"""

import math
import time
from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from radars.cost import Cost
from radars.runs.stored_architecture import CandidateName
from radars.space import Flow


def _finite(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value


Number = Annotated[float | None, BeforeValidator(_finite)]
"""None where it is not known or not finite: JSON has no such numbers."""


class Event(BaseModel):
    """Something that happened in a run. What an older run does not say has its default.

    Attributes:
        kind: the name of the class in `events.jsonl`, where its key is `event`.
        time: when it happened, in seconds since the epoch.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    kind: ClassVar[str]

    time: float = Field(default_factory=time.time, ge=0, lt=4e9)  # until 2096

    def to_dict(self) -> dict[str, Any]:
        """As plain values, a line of `events.jsonl`."""
        fields = self.model_dump(mode="json")
        return {"time": fields.pop("time"), "event": self.kind, **fields}


class TimedEvent(Event):
    """An event that says how long the run has gone on.

    Attributes:
        seconds: how long the run has taken, in seconds, over all sittings.
    """

    seconds: float | None = None


EventSink = Callable[[Event], None]
"""Whatever is told of every event as it happens."""


class StartedEvent(Event):
    """A run began.

    Attributes:
        space: the name of the search space.
        seed: the seed of all random draws.
        environment: the versions and the machine, as text.
        network: how data flow from choice to choice.
    """

    space: str = ""
    seed: int = 0
    environment: dict[str, str] = {}
    network: Flow | None = None


class SearchStartedEvent(StartedEvent):
    """A search began.

    Attributes:
        method: the name of the search method.
        candidates: every choice to its candidates, in order.
        num_threads: how many threads it computes with; with as many, results are the same bit for
            bit.
    """

    kind = "search_started"

    method: str = ""
    candidates: dict[str, tuple[CandidateName, ...]] = {}
    num_threads: int | None = None


class TrainStartedEvent(StartedEvent):
    """The training of an architecture from scratch began."""

    kind = "train_started"


class ResumedEvent(Event):
    """A run continues after it was interrupted.

    Attributes:
        step: the step of the checkpoint that it continues from; None where it starts again.
    """

    kind = "resumed"

    step: int | None = None


class CheckpointDamagedEvent(Event):
    """A checkpoint was not what had been saved; an earlier one is used.

    Attributes:
        step: the step of the checkpoint.
    """

    kind = "checkpoint_damaged"

    step: int = 0


class PhaseStartedEvent(Event):
    """A phase began, or continues after the run was resumed.

    Attributes:
        phase: its name, such as `explore`.
        round: index of the round.
        step: the steps of it that are done.
    """

    kind = "phase_started"

    phase: str = ""
    round: int = 0
    step: int = 0


class PhaseEndedEvent(TimedEvent):
    """A phase is over.

    Attributes:
        phase: its name.
        round: index of the round.
        steps: how many it had.
        planned_steps: how many it has where time is not limited.
    """

    kind = "phase_ended"

    phase: str = ""
    round: int = 0
    steps: int = 0
    planned_steps: int = 0


class ProgressEvent(TimedEvent):
    """A point of the curves; there are the fewer, the longer a run is.

    Attributes:
        phase: its name.
        round: index of the round.
        step: the steps of the phase that are done.
        accuracy: the latest, on validation batches; None where there is none.
        predicted_peak_bytes: the most that a training step was predicted to hold so far.
        measured_peak_bytes: the most that a training step held so far.
        budget_bytes: the most that a training step may hold.
        live_candidates: how many are searched among; None where the phase does not say.
        scalars: what the method adds, by name, such as `entropy` of its policy in [0, 1].
    """

    kind = "progress"

    phase: str = ""
    round: int = 0
    step: int = 0
    accuracy: Number = None
    predicted_peak_bytes: int | None = None
    measured_peak_bytes: int | None = None
    budget_bytes: int | None = None
    live_candidates: int | None = None
    scalars: dict[str, Number] = {}


class PreferencesEvent(TimedEvent):
    """What the policy prefers, or the mixtures of the supernet.

    Attributes:
        phase: its name.
        round: index of the round.
        step: the steps of the phase that are done.
        values: every choice to the probabilities of its candidates, in the order of
            `search_started`; None where one is pruned.
    """

    kind = "preferences"

    phase: str = ""
    round: int = 0
    step: int = 0
    values: dict[str, tuple[Number, ...]] = {}


class PlannedEvent(Event):
    """A plan was made: what stays live, so that differentiating it fits the budget.

    Attributes:
        round: index of the round.
        live_candidates: how many stay.
        subspace: every choice to the candidates that stay.
        savings: the memory savings that are on.
        time_ratio: the time of a step, as a multiple of one without memory savings.
        predicted_peak_bytes: the most that a training step will hold.
        policy: every choice to candidate to its probability, from which the plan was made.
    """

    kind = "planned"

    round: int = 0
    live_candidates: int | None = None
    subspace: dict[str, tuple[CandidateName, ...]] = {}
    savings: tuple[str, ...] = ()
    time_ratio: Number = None
    predicted_peak_bytes: int | None = None
    policy: dict[str, dict[CandidateName, Number]] = {}


class DifferentiatedEvent(Event):
    """The supernet of a subspace was trained.

    Attributes:
        round: index of the round.
        logits: every choice to candidate to its architecture logit.
        architecture: the best by these that the constraints allow; None where there is none.
    """

    kind = "differentiated"

    round: int = 0
    logits: dict[str, dict[CandidateName, Number]] = {}
    architecture: dict[str, CandidateName] | None = None


class SelectionEvent(Event):
    """A halving round of the selection begins, or is over: then with accuracies.

    Attributes:
        halving_round: its index.
        finalists: the architectures that take part.
        accuracies: the accuracy of each finalist that was trained, on the validation split.
        gains: what each is expected to gain on the others when it is trained to the end, by what
            rankers say: it is ranked by the sum of its accuracy and this.
        ranker_scores: ranker to what it says of each, where rankers chose them.
    """

    kind = "selection"

    halving_round: int = 0
    finalists: tuple[dict[str, CandidateName], ...] = ()
    accuracies: tuple[Number, ...] = ()
    gains: tuple[Number, ...] = ()
    ranker_scores: dict[str, tuple[Number, ...]] = {}


class ChildEvent(Event):
    """An architecture was trained from scratch.

    Attributes:
        architecture: choice to its candidate.
        accuracy: what it reached on the validation split.
    """

    kind = "child"

    architecture: dict[str, CandidateName] = {}
    accuracy: Number = None


class BaselineEvent(Event):
    """When a search is over: what it found, or a baseline, was trained as the others are.

    Attributes:
        name: `found`, `largest`, `smallest`, or a draw such as `random 1`.
        architecture: choice to its candidate.
        accuracy: what it reached on the validation split.
        measured_peak_bytes: the most that one of its training steps held.
    """

    kind = "baseline"

    name: str = ""
    architecture: dict[str, CandidateName] = {}
    accuracy: Number = None
    measured_peak_bytes: int | None = None


class StepSkippedEvent(Event):
    """A step was left out, as its loss was not finite.

    Attributes:
        phase: its name; empty in a training.
        round: index of the round.
        step: the steps that are done.
        count: how many were left out so far.
    """

    kind = "step_skipped"

    phase: str = ""
    round: int = 0
    step: int = 0
    count: int = 0


class OutOfMemoryEvent(Event):
    """The device had less memory than was expected; what follows is planned with less.

    Attributes:
        expected_bytes: what the step was predicted to hold.
        budget_bytes: what a step may hold from now on.
    """

    kind = "out_of_memory"

    expected_bytes: int = 0
    budget_bytes: int = 0


class MemoryExceededEvent(Event):
    """A step held more than was predicted for it; what follows is planned by what it held.

    Attributes:
        predicted_bytes: what it was predicted to hold.
        measured_bytes: what it held.
        budget_bytes: what no step may exceed.
    """

    kind = "memory_exceeded"

    predicted_bytes: int = 0
    measured_bytes: int = 0
    budget_bytes: int = 0


class WorkerLostEvent(Event):
    """A worker was lost; its task is done again elsewhere.

    Attributes:
        task: index of the task.
        tries: how often it was tried so far.
        reason: what is known of it.
    """

    kind = "worker_lost"

    task: int = 0
    tries: int = 0
    reason: str = ""


class EpochEndedEvent(TimedEvent):
    """An epoch of a training is over.

    Attributes:
        epoch: its number; the first is 1.
        train_loss: mean over the epoch.
        train_accuracy: likewise.
        learning_rate: that of the epoch's last step.
        validation_accuracy: what it reached on the held-out examples; None where there are none.
    """

    kind = "epoch_ended"

    epoch: int = 0
    train_loss: Number = None
    train_accuracy: Number = None
    learning_rate: Number = None
    validation_accuracy: Number = None


class SearchEndedEvent(Event):
    """A search is over.

    Attributes:
        status: as in `result.json`.
        architecture: what was found; None where nothing was.
        costs: every choice to what its candidate adds to the cost of the network.
        needed_bytes: what a search that does not fit its budget needs.
        reason: why a search failed.
        skipped_steps: how many steps were left out, as their loss was not finite.
    """

    kind = "search_ended"

    status: str = ""
    architecture: dict[str, CandidateName] | None = None
    costs: dict[str, Cost] | None = None
    needed_bytes: int | None = None
    reason: str | None = None
    skipped_steps: int = 0


class TrainEndedEvent(Event):
    """A training is over.

    Attributes:
        train_accuracy: mean over the last epoch.
    """

    kind = "train_ended"

    train_accuracy: Number = None


KINDS: Mapping[str, type[Event]] = {
    kind.kind: kind
    for kind in (
        SearchStartedEvent,
        TrainStartedEvent,
        ResumedEvent,
        CheckpointDamagedEvent,
        PhaseStartedEvent,
        PhaseEndedEvent,
        ProgressEvent,
        PreferencesEvent,
        PlannedEvent,
        DifferentiatedEvent,
        SelectionEvent,
        ChildEvent,
        BaselineEvent,
        StepSkippedEvent,
        OutOfMemoryEvent,
        MemoryExceededEvent,
        WorkerLostEvent,
        EpochEndedEvent,
        SearchEndedEvent,
        TrainEndedEvent,
    )
}
"""The class of every kind that a report knows."""

_OLD_NAMES = {
    "rung": "halving_round",
    "contenders": "finalists",
    "levers": "savings",
}


def parse_event(line: Mapping[str, Any]) -> Event | None:
    """The event of a line of `events.jsonl`; None where its kind is not known.

    Lines of older versions are understood. Fields that are not known are left out.

    Args:
        line: as `Event.to_dict` gives it.

    Raises:
        pydantic.ValidationError: a field is of another type.
    """
    kind = KINDS.get(str(line.get("event")))
    if kind is None:
        return None
    fields = {"time": 0.0} | {_OLD_NAMES.get(key, key): value for key, value in line.items()}
    if kind is ProgressEvent and "entropy" in fields:  # which stood among the other fields
        fields["scalars"] = {"entropy": fields["entropy"]}
    return kind.model_validate(fields)
