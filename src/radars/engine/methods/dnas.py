"""`DNAS`: what the methods share that differentiate the supernet of the whole space."""

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

from radars.engine.method_config import DifferentiateConfig
from radars.engine.methods.method import Found, preferences_of
from radars.engine.methods.shared_method import SharedMethod
from radars.engine.phases.differentiate import differentiate
from radars.engine.phases.discretisation import discretisation_scores
from radars.engine.search_observer import Observer
from radars.engine.search_setup import SearchSetup
from radars.engine.workbench import Workbench
from radars.errors import BudgetError
from radars.memory import PLAIN, Plan
from radars.nn.memory_saving.disk_offload import DiskOffload
from radars.runs.event_schema import DifferentiatedEvent
from radars.schedules import cosine
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
        temperature: of the relaxation, at the beginning.
        final_temperature: at the end; geometric in between.
        has_warmup: whether the first iterations (`dnas.warmup_fraction`) train weights only.
    """

    relaxation = "softmax"
    temperature = 1.0
    final_temperature = 1.0
    has_warmup = False

    def __init__(
        self, setup: SearchSetup, bench: Workbench, disk: DiskOffload | None = None
    ) -> None:
        super().__init__(setup, bench, disk)
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
        self._num_warmup = round(self.has_warmup * dnas.warmup_fraction * dnas.steps)
        self._trained: dict[str, dict[str, float]] = {}

    def check_memory(self) -> None:
        """See `Method`."""
        planner = self.bench.planner
        need_bytes = planner.full_supernet_bytes
        if need_bytes > planner.budget_bytes:
            raise BudgetError(
                f"{self.config.method} holds the supernet of all "
                f"{self.setup.proxy.full.num_candidates} candidates, which needs "
                f"{format_bytes(need_bytes)} ({need_bytes:,} bytes), but the budget is "
                f"{format_bytes(planner.budget_bytes)}; raise the budget, lower the batch size, or "
                f"use --method radars",
                need_bytes,
            )

    def run(self, observer: Observer) -> Found:
        """See `Method`."""
        state = observer.state
        state.begin("differentiate")
        full = self.setup.proxy.full
        with observer.phase("differentiate", self._config.steps) as tick:
            if not self._trained:
                self._trained = differentiate(
                    self.bench,
                    self.supernet,
                    Plan(full, PLAIN, self.bench.planner.predict(full)),
                    self._config,
                    initial_logits={
                        choice: dict.fromkeys(names, 0.0) for choice, names in full.items()
                    },
                    start=state.step,
                    seed=stable_seed(self.config.seed, "differentiate"),
                    learning_rate_at=lambda step: (
                        self.config.optimizer.learning_rate * cosine(step / self._config.steps)
                    ),
                    tick=tick,
                    num_warmup=self._num_warmup,
                    second_order=self.setup.planner.spec.second_order,
                )
        found = self.best_so_far()
        observer.log(
            DifferentiatedEvent(logits=self._trained, architecture=dict(found.architecture))
        )
        return Found(found.architecture, self.shared_accuracy(found.architecture))

    def preferences(self, phase: str) -> Preferences:
        """See `Method`: the softmax of the logits."""
        full = self.setup.proxy.full
        return preferences_of(full, self.supernet.logits.preferences(full))

    def ranked(self) -> Iterator[Found]:
        """The best architectures by logits, of the candidates that are live in the end."""
        full = self.setup.proxy.full
        logits = self._trained or {choice: self.supernet.logits.of(choice) for choice in full}
        scores = discretisation_scores(logits, self.setup.proxy.rules)
        return (Found(best, None) for best in self.bench.feasible.ranked(scores, Subspace(logits)))

    def values(self) -> dict[str, Any]:
        """See `Method`."""
        return {"trained": self._trained}

    def load(self, tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> None:
        """See `Method`."""
        super().load(tensors, values)
        self._trained = values["trained"]
