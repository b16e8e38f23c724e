"""`radars`: the main loop. Explore prunes, a plan fits the budget, differentiate searches the rest.

Yan, Jiang, Hu, Shi: "RADARS: Memory Efficient Reinforcement Learning Aided Differentiable Neural
Architecture Search" (arXiv 2109.05691). The paper's: RL prunes until a subspace fits the memory,
DNAS searches it, iterated. Ours: everything else (see docs/method.md).

REINFORCE is in `engine/policies/categorical.py`, successive halving in
`engine/phases/successive_halving.py`.
"""

import json
from collections.abc import Iterator
from functools import cache, partial

from radars.engine.context import SearchContext
from radars.engine.methods.method import Found, preferences_of
from radars.engine.methods.shared_method import SharedMethod
from radars.engine.phases.differentiate import PlannedSteps, differentiate
from radars.engine.phases.discretisation import discretisation_scores
from radars.engine.phases.explore import explore
from radars.engine.phases.shortlist import num_shortlist_parts, shortlist
from radars.engine.phases.successive_halving import SuccessiveHalving, num_select_steps, select
from radars.engine.policies.categorical import Controller
from radars.engine.rankers.zero_cost_scores import zero_cost_scores
from radars.engine.search_config import SearchConfig
from radars.engine.search_observer import SearchObserver
from radars.memory import Plan
from radars.runs.event_schema import DifferentiatedEvent, PlannedEvent, SelectionEvent
from radars.runs.state import State
from radars.schedules import cosine
from radars.seeds import stable_seed
from radars.space import Architecture, Subspace
from radars.tracking.heat_map import Preferences


class Radars(SharedMethod):
    """See the module.

    Attributes:
        controller: the policy.
        plan: of the round's differentiate phase, once it is made.
        round_winners: the best architecture of each round that is done.
        halving: how far selecting is, once it has begun.
    """

    def __init__(self, context: SearchContext) -> None:
        super().__init__(context)
        self.controller = self.new_policy(self.problem.proxy.full, self.config)
        self.plan: Plan | None = None
        self.round_winners: list[Architecture] = []
        self.halving: SuccessiveHalving | None = None

    @classmethod
    def new_policy(cls, full: Subspace, config: SearchConfig) -> Controller:
        """See `Method`."""
        return Controller(full, config.explore.controller, stable_seed(config.seed, "controller"))

    @classmethod
    def policy_batch(cls, config: SearchConfig) -> int:
        """See `Method`."""
        return config.explore.samples

    def run(self, observer: SearchObserver) -> Found:
        """See `Method`."""
        position = observer.position
        while position.phase != "select":
            if position.phase != "differentiate":
                self.explore(observer)
                position.begin("differentiate")
                self._take(self._plan_of_first(), observer)
            self.differentiate(observer)
            position.round_index += 1
            is_last = position.round_index == self.config.num_rounds
            position.begin("select" if is_last else "explore")
        return self.select(observer)

    def explore(self, observer: SearchObserver) -> None:
        """Trains single paths, rewards them, and updates the policy."""
        position, config = observer.position, self.config.explore
        position.begin("explore")
        warmup = round(config.warmup_fraction * config.steps)
        label = f"round {position.round_index + 1} explore"
        with observer.phase("explore", config.steps, label) as tick:
            explore(
                self.context,
                self.supernet,
                self.controller,
                config,
                start=position.step,
                seed=self._round_seed(observer),
                num_uniform=warmup if position.round_index == 0 else 0,
                learning_rate_at=partial(self._learning_rate, position.round_index),
                tick=tick,
            )

    def differentiate(self, observer: SearchObserver) -> None:
        """Trains the supernet of the plan by gradient; what it prefers feeds the policy."""
        position, config = observer.position, self.config.differentiate
        assert self.plan is not None
        steps = PlannedSteps(
            self.context, self.supernet, self.plan, partial(self._take, observer=observer)
        )
        rate, before = partial(self._learning_rate, position.round_index), self.config.explore.steps
        label = f"round {position.round_index + 1} differentiate"
        with observer.phase("differentiate", config.steps, label) as tick:
            trained = differentiate(
                steps,
                config,
                initial_logits=self.controller.scores(),
                start=position.step,
                seed=self._round_seed(observer),
                learning_rate_at=lambda step: rate(before + step),
                tick=tick,
            )
        scores = discretisation_scores(trained, self.problem.proxy.rules)
        winners = self.problem.feasible.best(scores, self.plan.subspace, 1)
        self.round_winners += winners
        self.controller.learn(trained, config.feedback)
        observer.log(
            DifferentiatedEvent(
                round=position.round_index,
                logits={choice: dict(logits) for choice, logits in trained.items()},
                architecture=dict(winners[0]) if winners else None,
            )
        )

    def select(self, observer: SearchObserver) -> Found:
        """Trains the most promising architectures alone, and drops the worst."""
        config = self.config.select

        def on_steps(accuracy: float, num_steps: int) -> None:
            tick(observer.position.step + num_steps, accuracy)

        if self.halving is None:
            with observer.preparation("shortlist", num_shortlist_parts(config)) as heard:
                self.halving = shortlist(
                    self.context,
                    self.supernet,
                    self.controller,
                    config,
                    self.round_winners,
                    cache(partial(zero_cost_scores, self.context, tuple(config.rankers))),
                    heard,
                )
            _log_halving(observer, self.halving)
        self.supernet.release()  # a finalist has the device to itself
        num_steps = num_select_steps(config, len(self.halving.finalists))
        with observer.phase("select", num_steps) as tick:
            winner, accuracy = select(
                self.context,
                self.halving,
                new_child=partial(self.context.networks.inherited_child, supernet=self.supernet),
                tick=on_steps,
                while_waiting=observer.check,
                on_halving_round=partial(_log_halving, observer),
            )
        return Found(winner, accuracy)

    def ranked(self) -> Iterator[Found]:
        """The finalists as they rank, with accuracies where they have any; or the likeliest."""
        if self.halving is not None:
            scores = self.halving.scores
            accuracies = dict(enumerate(self.halving.accuracies))
            for index in sorted(range(len(scores)), key=scores.__getitem__, reverse=True):
                yield Found(self.halving.finalists[index], accuracies.get(index))
        likeliest = self.problem.feasible.ranked(self.controller.scores(), self.controller.full)
        yield from (Found(architecture, None) for architecture in likeliest)

    def state_dict(self) -> State:
        """See `Method`."""
        return super().state_dict() | {
            "controller": self.controller.state_dict(),
            "plan": self.plan and self.plan.to_dict(),
            "round_winners": [dict(architecture) for architecture in self.round_winners],
            "halving": self.halving and self.halving.state_dict(),
        }

    def load_state_dict(self, state: State, /) -> None:
        """See `Method`."""
        super().load_state_dict(state)
        self.controller.load_state_dict(state["controller"])
        self.plan = state["plan"] and Plan.from_dict(state["plan"])
        self.round_winners = [Architecture(known) for known in state["round_winners"]]
        self.halving = state["halving"] and SuccessiveHalving.of_state(
            state["halving"], self.context
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
        full = self.problem.proxy.full
        if phase == "explore":
            return preferences_of(full, self.controller.probabilities())
        if phase == "differentiate" and self.plan is not None:
            return preferences_of(full, self.supernet.logits.preferences(self.plan.subspace))
        return {}

    def _round_seed(self, observer: SearchObserver) -> int:
        return stable_seed(self.config.seed, "round", observer.position.round_index)

    def _learning_rate(self, round_index: int, step: int) -> float:
        """That of the weights: one cosine over the steps of all rounds."""
        config = self.config
        steps_a_round = config.explore.steps + config.differentiate.steps
        done = round_index * steps_a_round + step
        return config.optimizer.learning_rate * cosine(done / (config.num_rounds * steps_a_round))

    def _plan_of_first(self) -> Plan:
        """The plan of the round, as the first process makes it."""
        planner, group = self.problem.planner, self.context.guard.group
        plan = planner.plan(self.controller.probabilities()) if group.is_first else None
        text = group.first_says(json.dumps(plan and plan.to_dict()))
        return plan or Plan.from_dict(json.loads(text))

    def _take(self, plan: Plan, observer: SearchObserver) -> None:
        """Takes a plan, and logs it."""
        self.plan = plan
        _log_plan(observer, plan, self.controller)


def _log_plan(observer: SearchObserver, plan: Plan, controller: Controller) -> None:
    """Logs what a plan keeps, and the policy that it was made from."""
    observer.log(
        PlannedEvent(
            round=observer.position.round_index,
            live_candidates=plan.subspace.num_candidates,
            subspace={choice: tuple(names) for choice, names in plan.subspace.items()},
            savings=tuple(plan.measures),
            time_ratio=round(plan.time_ratio, 3),
            predicted_peak_bytes=plan.memory.peak_bytes,
            policy=controller.probabilities(),
        )
    )


def _log_halving(observer: SearchObserver, halving: SuccessiveHalving) -> None:
    """Logs the finalists of a halving round, and how they rank."""
    observer.log(
        SelectionEvent(
            halving_round=halving.halving_round,
            finalists=tuple(dict(architecture) for architecture in halving.finalists),
            accuracies=tuple(halving.accuracies),
            ranker_scores={name: tuple(s[name] for s in halving.said) for name in halving.said[0]},
            scores=tuple(halving.scores),
        )
    )
