"""`Baselines`: what a search found and its baselines, each trained alone, in the same way.

Each begins with weights of the same seed, and sees the same batches of the training part for the
same number of steps. They are compared on the validation part; the test split is not read.
"""

import math

from radars.engine.baselines.baseline_table import BaselineTable, Trained, baseline_table
from radars.engine.baselines.choose_baselines import NamedNetwork, choose_baselines
from radars.engine.baselines.train_alone import AloneTask, AloneTraining, Outcome, train_alone
from radars.engine.context import SearchContext
from radars.engine.methods.method import Found
from radars.engine.pace import Pace
from radars.engine.search_observer import SearchObserver
from radars.errors import BudgetError
from radars.runs.event_schema import BaselineEvent
from radars.runs.state import State
from radars.space import Architecture

PHASE = "baselines"

_STEPS_TO_TIME = 4  # after a first one, which makes and traces things
_LEAST_STEPS = 10  # for fewer there is no training
_KEPT = 0.9  # of the time that is left is planned with
_EVALUATION = 0.5  # of a training step, for as many examples


class Baselines:
    """Trains them when a search is over.

    Attributes:
        found: what the search found, once it is over.
        networks: that and the baselines, once they are chosen.
        num_steps: training steps of each, once that is known; 0 where there is no time for any.
        outcomes: the fingerprint of a network to what became of it: two may be the same. None where
            its training diverged.
        problem: why not all could be trained, where the device has less memory than expected.

    Args:
        context: data, memory, and the settings (`config.baseline`).
    """

    def __init__(self, context: SearchContext) -> None:
        self._context = context
        self._config = context.problem.config.baseline
        self.found: Found | None = None
        self.networks: list[NamedNetwork] = []
        self.num_steps: int | None = None
        self.outcomes: dict[str, Outcome | None] = {}
        self.problem: str | None = None
        self._training: AloneTraining | None = None

    def run(self, observer: SearchObserver, found: Found) -> None:
        """Trains what is left.

        Args:
            observer: told of every step; saves the state, and stops by raising.
            found: what the search found.
        """
        self.found = found
        observer.position.begin(PHASE)
        if not self.networks:
            counts = self._config.counts
            with observer.preparation("choose baselines", len(counts)) as chosen:
                self.networks = choose_baselines(self._context, found.architecture, counts, chosen)
        different = self._different()
        total = len(different) * self._config.usual_steps
        with observer.phase(PHASE, total, takes_rest=True) as pace:
            if self.num_steps is None:
                self.num_steps = self._affordable_steps(pace, list(different.values()))
            try:
                if self.num_steps and self._context.workers is not None:
                    self._train_elsewhere(observer, pace)
                elif self.num_steps:
                    self._train_here(observer, pace)
            except BudgetError as error:
                self.problem, self._training = str(error), None

    def table(self, seconds: float) -> BaselineTable | None:
        """What they reached so far, in a table; None where none is trained.

        Args:
            seconds: how long that took.
        """
        trained = [
            Trained(name, architecture, key, outcome)
            for name, architecture in self.networks
            if (outcome := self.outcomes.get(key := self._key(architecture))) is not None
        ]
        if not trained or not self.num_steps:
            return None
        return baseline_table(self._context.problem, trained, self.num_steps, seconds)

    def unfinished(self) -> str | None:
        """Why there are no accuracies of some; None where all are trained."""
        if self.found is None:
            return None
        reasons = []
        if not self.networks or any(key not in self.outcomes for key in self._different()):
            reasons.append(self.problem or "the time was over")
        keys = {name: self._key(architecture) for name, architecture in self.networks}
        diverged = [name for name, key in keys.items() if self.outcomes.get(key, True) is None]
        if diverged:
            reasons.append(
                f"the training of {', '.join(diverged)} diverged; lower "
                f"children.optimizer.learning_rate, or raise max_skipped_steps"
            )
        return "; ".join(reasons) or None

    def state_dict(self) -> State:
        """What a checkpoint keeps."""
        found = self.found
        state: State = {
            "found": found and [dict(found.architecture), found.accuracy, found.by_size],
            "networks": [[name, dict(architecture)] for name, architecture in self.networks],
            "num_steps": self.num_steps,
            "outcomes": [[key, *(outcome or ())] for key, outcome in self.outcomes.items()],
            "problem": self.problem,
        }
        if self._training is not None:
            state["training"] = self._training.state_dict()
        return state

    def load_state_dict(self, state: State, /) -> None:
        """Puts back what `state_dict` returned, bit for bit."""
        if state["found"] is not None:
            architecture, *rest = state["found"]
            self.found = Found(Architecture(architecture), *rest)
        self.networks = [
            NamedNetwork(name, Architecture(known)) for name, known in state["networks"]
        ]
        self.num_steps, self.problem = state["num_steps"], state["problem"]
        self.outcomes = {
            key: Outcome(*values) if values else None for key, *values in state["outcomes"]
        }
        self._training = None
        if "training" in state and self.num_steps:
            self._training = AloneTraining(self._context, self.num_steps)
            self._training.load_state_dict(state["training"])

    def _key(self, architecture: Architecture) -> str:
        return self._context.sampler.fingerprint(architecture)

    def _different(self) -> dict[str, Architecture]:
        """The networks that differ, by their fingerprints, in order."""
        different: dict[str, Architecture] = {}
        for _, architecture in self.networks:
            different.setdefault(self._key(architecture), architecture)
        return different

    def _affordable_steps(self, pace: Pace, networks: list[Architecture]) -> int:
        """Training steps of each: with a time limit, as many as all have the time for.

        By a few steps of the dearest, whose weights are thrown away.
        """
        if pace.ends_at is None:
            return self._config.usual_steps
        context, costs = self._context, self._context.problem.costs
        config, validation = context.problem.config, context.problem.data.validation
        dearest = max(networks, key=lambda known: costs.cost(known).macs)
        child = context.networks.new_child(dearest, optimizer=config.children.optimizer)
        stream = context.networks.new_child_stream()
        began = pace.seconds_left
        for step in range(1 + _STEPS_TO_TIME):
            context.trainer.train_path(child, dearest, stream.next())
            pace.check_time()
            if step == 0:
                began = pace.seconds_left
        step_seconds = max(1e-9, (began - pace.seconds_left) / _STEPS_TO_TIME)
        evaluated = _EVALUATION * len(validation) / config.data.batch_size
        steps = int(_KEPT * pace.seconds_left / len(networks) / step_seconds - evaluated)
        most = self._config.steps or context.problem.final_steps
        return min(most, steps) if steps >= min(most, _LEAST_STEPS) else 0

    def _train_here(self, observer: SearchObserver, pace: Pace) -> None:
        """Trains one network after the other."""
        assert self.num_steps is not None
        for key, architecture in self._different().items():
            if key not in self.outcomes:
                self._training = self._training or AloneTraining(self._context, self.num_steps)
                outcome = self._training.run(architecture, pace)
                self._training = None
                self._note(key, outcome, observer)

    def _train_elsewhere(self, observer: SearchObserver, pace: Pace) -> None:
        """Has workers train what is left."""
        assert self._context.workers is not None
        assert self.num_steps is not None
        left = {k: known for k, known in self._different().items() if k not in self.outcomes}
        # of one that was begun here, before a resumption
        num_counted = pace.position.step - self.num_steps * len(self.outcomes)
        self._training = None
        tasks = [AloneTask(architecture, self.num_steps) for architecture in left.values()]
        outcomes = self._context.workers.map(train_alone, tasks, observer.check)
        for key, outcome in zip(left, outcomes, strict=True):
            self._note(key, outcome, observer)
            pace.done(outcome.accuracy if outcome else math.nan, self.num_steps - num_counted)
            num_counted = 0

    def _note(self, key: str, outcome: Outcome | None, observer: SearchObserver) -> None:
        """Takes note of an outcome, for all names of the network."""
        self.outcomes[key] = outcome
        if outcome is None:
            return
        for name, architecture in self.networks:
            if self._key(architecture) == key:
                observer.log(
                    BaselineEvent(
                        name=name,
                        architecture=dict(architecture),
                        accuracy=outcome.accuracy,
                        measured_peak_bytes=outcome.measured_peak_bytes,
                    )
                )
