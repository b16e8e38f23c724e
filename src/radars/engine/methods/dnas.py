"""`DNAS`: what the methods share that differentiate the supernet of the whole space."""

from collections.abc import Iterator

from radars.engine.context import SearchContext
from radars.engine.method_config import DifferentiateConfig
from radars.engine.methods.method import Found, Work, preferences_of
from radars.engine.methods.shared_method import TRAINING_SHARE, SharedMethod
from radars.engine.phases.differentiate import PlannedSteps, differentiate
from radars.engine.search_config import SearchConfig
from radars.engine.search_observer import SearchObserver
from radars.errors import BudgetError
from radars.memory import PLAIN, Plan
from radars.runs.event_schema import DifferentiatedEvent
from radars.runs.state import State
from radars.seeds import stable_seed
from radars.space import Subspace
from radars.tracking.heat_map import Preferences
from radars.units import format_bytes


class DNAS(SharedMethod):
    """Trains weights and architecture logits in turns, with every candidate live.

    As published, these methods have no saving but a smaller space: where the plain supernet does
    not fit, they do not run. What they return is the best architecture by logits within the
    constraints.

    Attributes:
        relaxation: how mixture weights come from logits.
        temperature: that of the relaxation at the beginning.
        final_temperature: that at the end; geometric in between.
        has_warmup: whether the first iterations (`dnas.warmup_fraction`) train weights only.
    """

    needs_mixtures = True
    relaxation = "softmax"
    temperature = 1.0
    final_temperature = 1.0
    has_warmup = False

    def __init__(self, context: SearchContext) -> None:
        super().__init__(context)
        dnas = self.config.dnas
        self._config = DifferentiateConfig.model_validate(
            {
                "steps": dnas.steps,
                "relaxation": self.relaxation,
                "temperature": self.temperature,
                "final_temperature": self.final_temperature,
                "beta_decay": 0.0,
                "architecture_optimizer": self.config.differentiate.architecture_optimizer,
                "max_cost_ratio": None,
            }
        )
        self._warmup_fraction = self.has_warmup * dnas.warmup_fraction
        self._trained: dict[str, dict[str, float]] = {}

    @classmethod
    def planned_work(cls, config: SearchConfig, full: Subspace) -> Work | None:
        """See `Method`."""
        return Work(0, config.dnas.steps, is_whole=True)

    def check_memory(self) -> None:
        """See `Method`."""
        planner = self.problem.planner
        need_bytes = planner.full_supernet_bytes
        if need_bytes > planner.budget_bytes:
            raise BudgetError(
                f"{self.config.method} holds the supernet of all "
                f"{self.problem.proxy.full.num_candidates} candidates, which needs "
                f"{format_bytes(need_bytes)} ({need_bytes:,} bytes), but the budget is "
                f"{format_bytes(planner.budget_bytes)}; raise the budget, lower the batch size, or "
                f"use --method radars",
                need_bytes,
            )

    def run(self, observer: SearchObserver) -> Found:
        """See `Method`."""
        position, full = observer.position, self.problem.proxy.full
        position.begin("differentiate")
        plan = Plan(full, PLAIN, self.problem.planner.predict(full))
        with observer.phase("differentiate", self.config.dnas.steps, share=TRAINING_SHARE) as pace:
            if not self._trained:
                self._trained = differentiate(
                    PlannedSteps(self.context, self.supernet, plan),
                    self._config,
                    pace,
                    initial_logits={
                        choice: dict.fromkeys(names, 0.0) for choice, names in full.items()
                    },
                    seed=stable_seed(self.config.seed, "differentiate"),
                    learning_rate_at=self.decayed_rate,
                    warmup_fraction=self._warmup_fraction,
                    second_order=self.problem.planner.spec.second_order,
                )
        found = self.best_so_far()
        observer.log(
            DifferentiatedEvent(logits=self._trained, architecture=dict(found.architecture))
        )
        return Found(found.architecture, self.shared_accuracy(found.architecture))

    def preferences(self, phase: str) -> Preferences:
        """See `Method`: the softmax of the logits."""
        full = self.problem.proxy.full
        return preferences_of(full, self.supernet.logits.preferences(full))

    def ranked(self) -> Iterator[Found]:
        """The best architectures by logits, of the candidates that are live in the end."""
        full = self.problem.proxy.full
        logits = self._trained or {choice: self.supernet.logits.of(choice) for choice in full}
        return self.ranked_by_logits(logits)

    def state_dict(self) -> State:
        """See `Method`."""
        return super().state_dict() | {"trained": self._trained}

    def load_state_dict(self, state: State, /) -> None:
        """See `Method`."""
        super().load_state_dict(state)
        self._trained = state["trained"]
