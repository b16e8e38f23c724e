"""Differentiate: the DNAS half of a round. The supernet of a subspace is trained by gradient.

Bilevel, first order: weights on the training part, architecture logits on the validation part
(DARTS, Liu et al. 2019). Weights that were trained while exploring are inherited.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from radars.engine.method_config import DifferentiateConfig
from radars.engine.search_observer import Tick
from radars.engine.workbench import Workbench
from radars.memory import Plan
from radars.nn.second_order_step import second_order_step
from radars.nn.steps import StepKind, architecture_step, weights_step
from radars.nn.supernet import Supernet
from radars.seeds import stable_seed


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


def differentiate(
    bench: Workbench,
    supernet: Supernet,
    plan: Plan,
    config: DifferentiateConfig,
    *,
    initial_logits: Mapping[str, Mapping[str, float]],
    start: int,
    seed: int,
    learning_rate_at: Callable[[int], float],
    tick: Tick,
    num_warmup: int = 0,
    second_order: bool = False,
    on_new_plan: Callable[[Plan], None] = lambda plan: None,
) -> dict[str, dict[str, float]]:
    """Runs the iterations from `start` on.

    Args:
        bench: data and memory.
        supernet: the shared weights and the architecture logits.
        plan: which candidates are live, and how they fit.
        config: how many iterations, the relaxation, the remedy against collapse.
        initial_logits: where the logits begin: the policy's log-probabilities.
        start: iterations of this phase that are done already.
        seed: of the noise of a relaxation, and of dropout.
        learning_rate_at: the learning rate of the weights at an iteration of this phase.
        tick: called after each iteration.
        num_warmup: the first iterations that train weights only.
        second_order: whether logits are trained with the virtual step of DARTS; without beta decay.
        on_new_plan: told of the plan that replaces `plan` where the device had no room for it.

    Returns:
        Choice to live candidate to its architecture logit.
    """
    if start == 0:
        supernet.logits.set(initial_logits)
    bench.group.agree("subspace in training", repr(plan.subspace))
    bench.group.follow_first("logits", supernet.logits)
    supernet.activate(plan.subspace)

    def within_memory(
        kind: StepKind, step: Callable[..., Tensor], *batch: Tensor, **options: Any
    ) -> Tensor:
        """Runs a step as the plan has it; where there is no room for it, as a tighter plan has."""

        def attempt() -> Tensor:
            nonlocal plan
            if plan.memory.peak_bytes > bench.planner.budget_bytes:
                plan = bench.planner.plan(
                    supernet.logits.preferences(supernet.live), within=plan.subspace
                )
                supernet.activate(plan.subspace)
                on_new_plan(plan)
            savings = plan.savings_of(kind)
            supernet.set_savings(savings)
            run = partial(
                step,
                supernet,
                *batch,
                loss=bench.task.loss,
                precision=bench.precision,
                micro_batches=savings.micro_batches,
                average=bench.group.average,
                **options,
            )
            peak_bytes = plan.memory.peak_bytes
            if kind is not plan.memory.kind:  # the other one is measured
                return bench.meter.run_below(peak_bytes, run)
            return bench.meter.run(run, supernet, batch, peak_bytes, lambda: peak_bytes)

        return bench.counted(bench.within_memory(supernet, attempt))

    for step in range(start, config.steps):
        torch.manual_seed(stable_seed(seed, step))
        fraction = step / config.steps
        supernet.relaxation = config.relaxation_at(fraction)
        supernet.set_learning_rate(learning_rate_at(step))
        batch = bench.to_device(bench.train_stream.next())
        within_memory(StepKind.WEIGHTS, weights_step, *batch)
        train_batch = batch if second_order else ()
        batch = bench.to_device(bench.validation_stream.next())
        if plan.subspace.num_architectures == 1 or step < num_warmup:
            pass
        elif second_order:
            rate = learning_rate_at(step)
            within_memory(
                StepKind.SECOND_ORDER,
                second_order_step,
                *batch,
                *train_batch,
                virtual_learning_rate=rate,
                regulariser=bench.regulariser(),
            )
        else:
            regulariser = bench.regulariser(BetaDecay(config.beta_decay * fraction))
            within_memory(StepKind.ARCHITECTURE, architecture_step, *batch, regulariser=regulariser)
        bench.group.follow_first("logits", supernet.logits)
        tick(step + 1, float("nan"))
    trained = {
        choice: {name: supernet.logits.of(choice)[name] for name in names}
        for choice, names in plan.subspace.items()
    }
    supernet.logits.reset()  # or their optimizer state would stay on the device
    return trained
