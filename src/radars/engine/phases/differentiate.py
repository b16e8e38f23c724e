"""Differentiate: the DNAS half of a round. The supernet of a subspace is trained by gradient.

Bilevel, first order: weights on the training part, architecture logits on the validation part
(DARTS, Liu et al. 2019). Weights that were trained while exploring are inherited.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from radars.engine.context import SearchContext
from radars.engine.memory_meter import GuardedStep
from radars.engine.method_config import DifferentiateConfig
from radars.engine.pace import Pace
from radars.example import Example
from radars.memory import Plan
from radars.nn.second_order_step import second_order_step
from radars.nn.steps import StepKind, architecture_step, num_paths, weights_step
from radars.nn.supernet import Supernet
from radars.seeds import seed_torch
from radars.space import Subspace


@dataclass(frozen=True)
class BetaDecay:
    """The remedy against collapse onto skip connections (beta-DARTS, Ye et al. 2022, equation 11).

    Its gradient to a choice's logits is their softmax: it holds back whatever runs ahead, which in
    plain DARTS are candidates without weights, since they work before the others are trained.
    """

    weight: float

    def __call__(self, supernet: Supernet) -> Tensor:
        """The weighted sum, over choices, of the log-sum-exp of their live logits: a scalar."""
        terms = [logit_C.logsumexp(-1) for logit_C in supernet.live_logits().values()]
        return self.weight * torch.stack(terms).sum() if terms else torch.zeros(())


@dataclass
class PlannedSteps:
    """Steps on the supernet of a plan's subspace, within memory.

    Attributes:
        context: data and memory.
        supernet: the shared weights and the architecture logits.
        plan: which candidates are live, and how they fit; replaced where there was no room for it.
        on_new_plan: told of the plan that replaces it.
        is_first: whether these are the first steps; where paths are drawn, they run those that
            hold the most, for the record.
    """

    context: SearchContext
    supernet: Supernet
    plan: Plan
    on_new_plan: Callable[[Plan], None] = lambda plan: None
    is_first: bool = False

    def begin(self, initial_logits: Mapping[str, Mapping[str, float]] | None) -> None:
        """Makes the plan's candidates live, with these logits, or with those that there are."""
        group = self.context.guard.group
        if initial_logits is not None:
            self.supernet.logits.set(initial_logits)
        group.agree("subspace in training", repr(self.plan.subspace))
        group.follow_first("logits", self.supernet.logits)
        self.context.guard.keep_nothing(self.supernet)  # the plan may take all that there is
        self.supernet.activate(self.plan.subspace)

    def run(
        self, kind: StepKind, step: Callable[..., Tensor], batch: Sequence[Example], **options: Any
    ) -> None:
        """Runs a step as the plan has it; where there is no room for it, as a tighter plan has."""
        trainer, guard = self.context.trainer, self.context.guard

        def attempt() -> Tensor:
            self._plan_again_where_too_large()
            savings = self.plan.savings_of(kind)
            if self.is_first:
                self.supernet.hold_largest_paths(num_paths(kind))
            else:
                self.supernet.draw_paths(num_paths(kind))
            self.supernet.set_savings(savings)
            run = partial(
                step,
                self.supernet,
                *batch,
                loss=trainer.task.loss,
                precision=trainer.precision,
                micro_batches=savings.micro_batches,
                average=guard.group.average,
                **options,
            )
            guarded, memory = GuardedStep(run, self.supernet, batch, kind), self.plan.memory
            run_guarded = guard.run if kind is memory.kind else guard.run_below
            return run_guarded(guarded, memory.peak_bytes)

        trainer.counted(guard.within_memory(self.supernet, attempt))

    def _plan_again_where_too_large(self) -> None:
        planner, meter = self.context.guard.planner, self.context.guard.meter
        if meter.largest_excess is not None:  # predictions were corrected, maybe since it was made
            memory = planner.predict(
                self.plan.subspace, self.plan.savings, kind=self.plan.memory.kind
            )
            self.plan = replace(self.plan, memory=memory)
        if self.plan.memory.peak_bytes > planner.budget_bytes:
            preferences = self.supernet.logits.preferences(self.supernet.live)
            self.plan = planner.plan(preferences, within=self.plan.subspace)
            self.supernet.activate(self.plan.subspace)
            self.on_new_plan(self.plan)


def differentiate(
    steps: PlannedSteps,
    config: DifferentiateConfig,
    pace: Pace,
    *,
    initial_logits: Mapping[str, Mapping[str, float]],
    seed: int,
    learning_rate_at: Callable[[float], float],
    warmup_fraction: float = 0.0,
    second_order: bool = False,
) -> dict[str, dict[str, float]]:
    """Runs the iterations that are left.

    Args:
        steps: the supernet, the plan that it is trained by, data and memory.
        config: the relaxation, the remedy against collapse.
        pace: how long it goes on; told of each iteration.
        initial_logits: where the logits begin: the policy's log-probabilities.
        seed: the seed of the noise of a relaxation, and of dropout.
        learning_rate_at: the learning rate of the weights after a fraction of the phase.
        warmup_fraction: how much of the phase, at first, trains weights only.
        second_order: whether logits take the virtual step of DARTS; without beta decay.

    Returns:
        Choice to live candidate to its logit.
    """
    context, supernet, group = steps.context, steps.supernet, steps.context.guard.group
    steps.begin(initial_logits if pace.position.step == 0 else None)
    for step in pace.steps():
        seed_torch(seed, step)
        steps.is_first = step == 0
        fraction = pace.fraction
        supernet.relaxation = config.relaxation_at(fraction)
        supernet.set_learning_rate(learning_rate_at(fraction))
        batch = context.trainer.to_device(context.train_stream.next())
        steps.run(StepKind.WEIGHTS, weights_step, batch)
        train_batch = batch if second_order else ()
        batch = context.trainer.to_device(context.validation_stream.next())
        if steps.plan.subspace.num_architectures == 1 or fraction < warmup_fraction:
            pass
        elif second_order:
            steps.run(
                StepKind.SECOND_ORDER,
                second_order_step,
                (*batch, *train_batch),
                virtual_learning_rate=learning_rate_at(fraction),
                regulariser=context.trainer.regulariser(),
            )
        else:
            regulariser = context.trainer.regulariser(BetaDecay(config.beta_decay * fraction))
            steps.run(StepKind.ARCHITECTURE, architecture_step, batch, regulariser=regulariser)
        group.follow_first("logits", supernet.logits)
        pace.done()
    trained = _logits_of(supernet, steps.plan.subspace)
    supernet.logits.reset()  # or their optimizer state would stay on the device
    return trained


def _logits_of(supernet: Supernet, subspace: Subspace) -> dict[str, dict[str, float]]:
    """Choice to live candidate to its logit."""
    return {
        choice: {name: supernet.logits.of(choice)[name] for name in names}
        for choice, names in subspace.items()
    }
