"""`radars`: the main loop. Explore prunes, a plan fits the budget, differentiate searches the rest.

Yan, Jiang, Hu, Shi: "RADARS: Memory Efficient Reinforcement Learning Aided Differentiable Neural
Architecture Search" (arXiv 2109.05691). The paper's: RL prunes until a subspace fits the memory,
DNAS searches it, iterated. Ours: everything else (see docs/method.md).
"""

import json
from collections.abc import Iterator, Mapping
from functools import cache, partial
from typing import Any

from torch import Tensor

from radars.engine.methods.method import Found, preferences_of
from radars.engine.methods.shared_method import SharedMethod
from radars.engine.phases.differentiate import differentiate
from radars.engine.phases.discretisation import discretisation_scores
from radars.engine.phases.explore import explore
from radars.engine.phases.select import (
    Selection,
    num_select_steps,
    num_shortlist_parts,
    select,
    shortlist,
)
from radars.engine.rankers.untrained import look_at
from radars.engine.search_observer import Observer
from radars.engine.search_setup import SearchSetup
from radars.engine.search_state import named, of_part
from radars.engine.workbench import Workbench
from radars.memory import Plan
from radars.nn.memory_saving.disk_offload import DiskOffload
from radars.nn.supernet import Supernet
from radars.runs.event_schema import DifferentiatedEvent, PlannedEvent, SelectionEvent
from radars.schedules import cosine
from radars.seeds import stable_seed
from radars.space import Architecture
from radars.tracking.heat_map import Preferences


class Radars(SharedMethod):
    """See the module.

    Attributes:
        controller: the policy.
        plan: of the round's differentiate phase, once it is made.
        round_winners: the best architecture of each round that is done.
        selection: how far selecting is, once it has begun.
    """

    def __init__(
        self, setup: SearchSetup, bench: Workbench, disk: DiskOffload | None = None
    ) -> None:
        super().__init__(setup, bench, disk)
        self.controller = setup.new_controller()
        self.plan: Plan | None = None
        self.round_winners: list[Architecture] = []
        self.selection: Selection | None = None

    def run(self, observer: Observer) -> Found:
        """See `Method`."""
        state = observer.state
        while state.phase != "select":
            self.run_round(observer)
            state.round_index += 1
            state.begin("select" if state.round_index == self.config.num_rounds else "explore")
        return self.run_selection(observer)

    def run_round(self, observer: Observer) -> None:
        """Explore, plan, differentiate, and what was preferred feeds the policy."""
        state, config, bench = observer.state, self.config, self.bench
        seed = stable_seed(config.seed, "round", state.round_index)
        steps_a_round = config.explore.steps + config.differentiate.steps
        before, total = state.round_index * steps_a_round, config.num_rounds * steps_a_round

        def learning_rate_at(step: int) -> float:
            return config.optimizer.learning_rate * cosine((before + step) / total)

        def on_new_plan(plan: Plan) -> None:
            self.plan = plan
            self._log_plan(observer)

        label = f"round {state.round_index + 1}"
        if state.phase != "differentiate":
            state.begin("explore")
            warmup = round(config.explore.warmup_fraction * config.explore.steps)
            with observer.phase("explore", config.explore.steps, f"{label} explore") as tick:
                explore(
                    bench,
                    self.supernet,
                    self.controller,
                    config.explore,
                    start=state.step,
                    seed=seed,
                    num_uniform=warmup if state.round_index == 0 else 0,
                    learning_rate_at=learning_rate_at,
                    tick=tick,
                )
            state.begin("differentiate")
            on_new_plan(self._plan_of_first())
        assert self.plan is not None
        num_steps = config.differentiate.steps
        with observer.phase("differentiate", num_steps, f"{label} differentiate") as tick:
            trained = differentiate(
                bench,
                self.supernet,
                self.plan,
                config.differentiate,
                initial_logits=self.controller.scores(),
                start=state.step,
                seed=seed,
                learning_rate_at=lambda step: learning_rate_at(config.explore.steps + step),
                tick=tick,
                on_new_plan=on_new_plan,
            )
        scores = discretisation_scores(trained, self.setup.proxy.rules)
        round_winners = bench.feasible.best(scores, self.plan.subspace, 1)
        self.round_winners += round_winners
        self.controller.learn(trained, config.differentiate.feedback)
        observer.log(
            DifferentiatedEvent(
                round=state.round_index,
                logits={choice: dict(logits) for choice, logits in trained.items()},
                architecture=dict(round_winners[0]) if round_winners else None,
            )
        )

    def run_selection(self, observer: Observer) -> Found:
        """The most promising architectures are trained alone, and the worst dropped."""
        bench, config = self.bench, self.config.select

        def on_steps(accuracy: float, num_steps: int) -> None:
            tick(observer.state.step + num_steps, accuracy)

        looks = partial(look_at, self.setup, bench)
        if self.selection is None:
            with observer.preparation("shortlist", num_shortlist_parts(config)) as heard:
                self.selection = shortlist(
                    bench,
                    self.supernet,
                    self.controller,
                    config,
                    self.round_winners,
                    cache(looks),
                    heard,
                )
            _log_selection(observer, self.selection)
        self.supernet.release()  # a finalist has the device to itself
        with observer.phase(
            "select", num_select_steps(config, len(self.selection.finalists))
        ) as tick:
            winner, accuracy = select(
                bench,
                self.selection,
                config,
                batch_size=self.config.data.batch_size,
                seed=stable_seed(self.config.seed, "select"),
                new_child=self._inherited_child,
                new_stream=self.setup.new_child_stream,
                tick=on_steps,
                workers=self.workers,
                on_halving_round=lambda selection: _log_selection(observer, selection),
            )
        return Found(winner, accuracy)

    def ranked(self) -> Iterator[Found]:
        """The finalists as they stand, with accuracies where they have any; or the likeliest."""
        if self.selection is not None:
            standings = self.selection.standings
            accuracies = dict(enumerate(self.selection.accuracies))
            for index in sorted(range(len(standings)), key=standings.__getitem__, reverse=True):
                yield Found(self.selection.finalists[index], accuracies.get(index))
        likeliest = self.bench.feasible.ranked(self.controller.scores(), self.controller.full)
        yield from (Found(architecture, None) for architecture in likeliest)

    def tensors(self) -> dict[str, Tensor]:
        """See `Method`."""
        selection = {} if self.selection is None else self.selection.tensors()
        return (
            super().tensors()
            | named("controller", self.controller.tensors())
            | named("selection", selection)
        )

    def values(self) -> dict[str, Any]:
        """See `Method`."""
        return {
            "plan": self.plan and self.plan.to_dict(),
            "round_winners": [dict(architecture) for architecture in self.round_winners],
            "selection": self.selection and self.selection.values(),
        }

    def load(self, tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> None:
        """See `Method`."""
        super().load(tensors, values)
        self.controller.load_tensors(of_part("controller", tensors))
        self.plan = values["plan"] and Plan.from_dict(values["plan"])
        self.round_winners = [Architecture(known) for known in values["round_winners"]]
        self.selection = values["selection"] and Selection.of(
            of_part("selection", tensors),
            values["selection"],
            self.setup.new_child,
            self.setup.new_child_stream,
        )

    def scalars(self) -> dict[str, float]:
        """See `Method`."""
        return {"entropy": self.controller.entropy()}

    def live_candidates(self, phase: str) -> tuple[int, int] | None:
        """See `Method`: all while exploring, those of the plan while differentiating."""
        total = self.controller.full.num_candidates
        if phase == "explore":
            return total, total
        if phase == "differentiate" and self.plan is not None:
            return self.plan.subspace.num_candidates, total
        return None

    def preferences(self, phase: str) -> Preferences:
        """See `Method`: the policy while exploring, the mixtures' weights while differentiating."""
        full = self.setup.proxy.full
        if phase == "explore":
            return preferences_of(full, self.controller.probabilities())
        if phase == "differentiate" and self.plan is not None:
            return preferences_of(full, self.supernet.logits.preferences(self.plan.subspace))
        return {}

    def _plan_of_first(self) -> Plan:
        """The plan of the round, as the first process makes it."""
        planner, group = self.bench.planner, self.bench.group
        plan = planner.plan(self.controller.probabilities()) if group.is_first else None
        text = group.first_says(json.dumps(plan and plan.to_dict()))
        return plan or Plan.from_dict(json.loads(text))

    def _inherited_child(self, architecture: Architecture) -> Supernet:
        child = self.setup.new_child(architecture)
        child.inherit(self.supernet)
        return child

    def _log_plan(self, observer: Observer) -> None:
        """Logs what the plan keeps, and the policy that it was made from."""
        plan = self.plan
        assert plan is not None
        observer.log(
            PlannedEvent(
                round=observer.state.round_index,
                live_candidates=plan.subspace.num_candidates,
                subspace={choice: tuple(names) for choice, names in plan.subspace.items()},
                savings=tuple(plan.measures),
                time_ratio=round(plan.time_ratio, 3),
                predicted_peak_bytes=plan.memory.peak_bytes,
                policy=self.controller.probabilities(),
            )
        )


def _log_selection(observer: Observer, selection: Selection) -> None:
    """Logs the finalists of a halving round, and how they stand."""
    observer.log(
        SelectionEvent(
            halving_round=selection.halving_round,
            finalists=tuple(dict(architecture) for architecture in selection.finalists),
            accuracies=tuple(selection.accuracies),
            regions=tuple(known.regions for known in selection.untrained),
            expressivity=tuple(known.expressivity for known in selection.untrained),
            scores=tuple(selection.standings),
        )
    )
