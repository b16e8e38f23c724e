"""`radars`: the main loop. Explore prunes, a plan fits the budget, differentiate searches the rest.

Yan, Jiang, Hu, Shi: "RADARS: Memory Efficient Reinforcement Learning Aided Differentiable Neural
Architecture Search" (arXiv 2109.05691). The paper's: RL prunes until a subspace fits the memory,
DNAS searches it, iterated. Ours: everything else (see docs/method.md).

The policy is in `engine/policies/categorical.py`, its rewards in `engine/phases/explore.py`,
successive halving in `engine/phases/successive_halving.py`.
"""

import json
from collections.abc import Iterator, Sequence
from functools import partial

from radars.engine.context import SearchContext
from radars.engine.methods.method import Found, Work, preferences_of
from radars.engine.methods.shared_method import SharedMethod
from radars.engine.phases.differentiate import PlannedSteps, differentiate
from radars.engine.phases.explore import Explorer
from radars.engine.phases.finalists import gains, next_finalists, num_finalists
from radars.engine.phases.proposals import learn_from_logits, num_proposals
from radars.engine.phases.successive_halving import SuccessiveHalving, num_select_steps, select
from radars.engine.phases.time_shares import share_of_time
from radars.engine.policies.categorical import Controller
from radars.engine.rankers.ranker_tables import ranker_tables
from radars.engine.search_config import SearchConfig
from radars.engine.search_observer import SearchObserver
from radars.memory import Plan
from radars.runs.event_schema import DifferentiatedEvent, PlannedEvent, SelectionEvent
from radars.runs.state import State
from radars.schedules import cosine
from radars.seeds import stable_seed
from radars.space import Architecture, Subspace
from radars.tracking.heat_map import Preferences

_DIFFERENTIATE_RATE = 0.3  # of the highest learning rate of the weights, at the beginning


class Radars(SharedMethod):
    """See the module.

    Attributes:
        controller: the policy.
        plan: the plan of the round's differentiate phase, once it is made.
        halving: how far selecting is, once it has begun.
        explored: for each round, the seconds and the training steps of exploring.
    """

    def __init__(self, context: SearchContext) -> None:
        super().__init__(context)
        self.controller = self.new_policy(self.problem.proxy.full, self.config)
        self.controller.largest_deviation = self.problem.largest_deviation
        self.plan: Plan | None = None
        self.halving: SuccessiveHalving | None = None
        self.explored: list[tuple[float, int]] = []

    @classmethod
    def new_policy(cls, full: Subspace, config: SearchConfig) -> Controller:
        """See `Method`."""
        return Controller(full, config.explore.controller, stable_seed(config.seed, "controller"))

    @classmethod
    def policy_batch(cls, config: SearchConfig) -> int:
        """See `Method`."""
        return config.explore.controller.update_every

    @classmethod
    def planned_work(cls, config: SearchConfig, full: Subspace) -> Work:
        """See `Method`."""
        rounds, number = config.num_rounds, min(config.select.finalists, full.num_architectures)
        steps = rounds * config.explore.num_steps(full) + num_select_steps(config.select, number)
        differentiated = rounds * config.differentiate.num_steps(full)
        scored = rounds * config.explore.scored_batches(full)
        return Work(steps, differentiated, scored_batches=scored)

    def run(self, observer: SearchObserver) -> Found:
        """See `Method`."""
        position = observer.position
        while position.phase != "select":
            if position.phase != "differentiate":
                self.explore(observer)
                self._take(_plan_of_first(self.context, self.controller), observer)
                observer.check()  # so that planning is not counted to the phase
                position.begin("differentiate")
            self.differentiate(observer)
            position.round_index += 1
            position.begin("explore" if position.round_index < self.config.num_rounds else "select")
        return self.select(observer)

    def explore(self, observer: SearchObserver) -> None:
        """Trains single paths, rewards some, and updates the policy."""
        config, position = self.config.explore, observer.position
        if not self.controller.tables and config.rankers:
            with observer.preparation("rank", config.ranker_draws) as heard:
                self.controller.tables = ranker_tables(self.context, self.controller, heard)
        position.begin("explore")
        label = f"round {position.round_index + 1} explore"
        num_steps = config.num_steps(self.problem.proxy.full)
        share = share_of_time("explore", position.round_index, self.config)
        with observer.phase("explore", num_steps, label, share=share) as pace:
            self._explorer(observer).run(pace)
            self.explored[position.round_index :] = [(pace.seconds_spent, position.step)]

    def differentiate(self, observer: SearchObserver) -> None:
        """Trains the supernet of the plan by gradient; the policy learns what it proposes."""
        position, config = observer.position, self.config.differentiate
        assert self.plan is not None
        num_steps = config.num_steps(self.problem.proxy.full)
        if not num_steps:
            return
        steps = PlannedSteps(
            self.context, self.supernet, self.plan, partial(self._take, observer=observer)
        )
        initial = self.controller.scores()  # as the policy does not change before it hears them
        label = f"round {position.round_index + 1} differentiate"
        share = share_of_time("differentiate", position.round_index, self.config)
        highest = _DIFFERENTIATE_RATE * self.config.optimizer.learning_rate
        with observer.phase("differentiate", num_steps, label, share=share) as pace:
            reward_seconds = self.config.explore.steps_per_reward * _step_seconds(self.explored)
            number = num_proposals(config.proposals, pace, reward_seconds)
            trained = differentiate(
                steps,
                config,
                pace,
                initial_logits=initial,
                seed=self._explorer(observer).seed,
                learning_rate_at=lambda fraction: highest * cosine(fraction),
            )
            best = learn_from_logits(
                self._explorer(observer), trained, initial, self.plan.subspace, number
            )
        observer.log(
            DifferentiatedEvent(
                round=position.round_index,
                logits={choice: dict(logits) for choice, logits in trained.items()},
                architecture=best and dict(best),
            )
        )

    def select(self, observer: SearchObserver) -> Found:
        """Trains the most promising architectures alone, and drops the worst."""
        config = self.config.select
        assert self.plan is not None
        shared_steps = self._explorer(observer).shared_steps()
        self.supernet.release()  # a finalist has the device to itself
        num_steps = num_select_steps(config, config.finalists)
        with observer.phase("select", num_steps, step_seconds=_step_seconds(self.explored)) as pace:
            known = self.context, self.controller, self.plan.subspace
            more = partial(next_finalists, *known, shared_steps=shared_steps, pace=pace)
            if self.halving is None:
                num_planned = num_finalists(config, pace, self.plan.subspace)
                self.halving = SuccessiveHalving([], config.halving_steps[0], num_planned)
                self.halving.finalists = more(self.halving)
                _log_halving(observer, self.halving)
            winner, accuracy = select(
                self.context,
                self.halving,
                pace,
                new_child=partial(self.context.networks.inherited_child, supernet=self.supernet),
                more=more,
                gains=partial(gains, self.context, self.controller, shared_steps),
                on_halving_round=partial(_log_halving, observer),
            )
        return Found(winner, accuracy)

    def ranked(self) -> Iterator[Found]:
        """The finalists as they rank, with accuracies where they have any; then the likeliest.

        Before the first reward, those that rankers prefer.
        """
        if self.halving is not None:
            accuracies, ranked = self.halving.accuracies, self.halving.rank(self.context)
            for index in (*ranked, *range(len(accuracies), len(self.halving.finalists))):
                known = accuracies[index] if index < len(accuracies) else None
                yield Found(self.halving.finalists[index], known)
        policy = self.controller
        if policy.rewarded or policy.tables:
            scores = policy.scores() if policy.rewarded else policy.model().effects
            likeliest = self.problem.feasible.ranked(scores, policy.full)
            yield from (Found(architecture, None) for architecture in likeliest)

    def proposed_by(self, architecture: Architecture) -> str | None:
        """See `Method`: where it had its first reward."""
        groups = (r.group for r in self.controller.rewarded if r.architecture == architecture)
        of_select = 2 * self.config.num_rounds
        group = next(groups, of_select)  # as those are learnt from later
        return "select" if group == of_select else ("explore", "differentiate")[group % 2]

    def state_dict(self) -> State:
        """See `Method`."""
        return super().state_dict() | {
            "controller": self.controller.state_dict(),
            "plan": self.plan and self.plan.to_dict(),
            "halving": self.halving and self.halving.state_dict(),
            "explored": [list(round_) for round_ in self.explored],
        }

    def load_state_dict(self, state: State, /) -> None:
        """See `Method`."""
        super().load_state_dict(state)
        self.controller.load_state_dict(state["controller"])
        self.plan = state["plan"] and Plan.from_dict(state["plan"])
        self.explored = [(seconds, steps) for seconds, steps in state["explored"]]
        halving = state["halving"]
        self.halving = halving and SuccessiveHalving.of_state(halving, self.context)

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

    def _explorer(self, observer: SearchObserver) -> Explorer:
        config, index = self.config.explore, observer.position.round_index
        is_over = observer.position.phase != "explore"  # a resumed one may have its own already
        steps = sum(steps for _, steps in self.explored[: index + is_over])
        return Explorer(self.context, self.supernet, self.controller, config, index, steps)

    def _take(self, plan: Plan, observer: SearchObserver) -> None:
        """Takes a plan, and logs it."""
        self.plan = plan
        _log_plan(observer, plan, self.controller)


def _step_seconds(explored: Sequence[tuple[float, int]]) -> float:
    """What a training step on a path took while exploring, with the rest of exploring."""
    seconds = sum(seconds for seconds, _ in explored)
    return seconds / max(1, sum(steps for _, steps in explored))


def _plan_of_first(context: SearchContext, controller: Controller) -> Plan:
    """The plan of a round, as the first process makes it."""
    planner, group = context.problem.planner, context.guard.group
    plan = planner.plan(controller.probabilities()) if group.is_first else None
    text = group.first_says(json.dumps(plan and plan.to_dict()))
    return plan or Plan.from_dict(json.loads(text))


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
            gains=tuple(halving.gains),
        )
    )
