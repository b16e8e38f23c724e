"""`Trainer`: one training step on a path or on a few paths, within memory."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from radars.cost import Objectives
from radars.data import Batch, move
from radars.engine.memory_guard import MemoryGuard
from radars.engine.memory_meter import GuardedStep
from radars.engine.phases.expected_cost import Both, ExpectedCost
from radars.memory import MemorySavings
from radars.nn.steps import Precision, Regulariser, StepKind, architecture_step, weights_step
from radars.nn.supernet import Supernet, Weigh
from radars.nn.task import Task
from radars.runs.skipped import SkippedSteps
from radars.space import Architecture, Subspace

_SUBSPACE_TOLERANCE = 1.15  # expected bytes of a subspace are within 15% of the exact ones


@dataclass(frozen=True)
class Trainer:
    """Trains shared weights and architecture logits.

    Attributes:
        guard: keeps steps within memory.
        task: what steps minimise.
        objectives: the soft targets.
        precision: the precision of the steps.
        skipped: the steps that were skipped.
    """

    guard: MemoryGuard
    task: Task
    objectives: Objectives
    precision: Precision
    skipped: SkippedSteps

    def train_path(self, supernet: Supernet, architecture: Architecture, batch: Batch) -> Tensor:
        """A weights step on one path; returns the loss, not finite where it was skipped."""
        guard = self.guard
        guard.group.agree("architecture in training", architecture.to_json())
        guard.keep_idle(supernet)
        supernet.activate(architecture)
        batch = self.to_device(batch)

        def attempt() -> Tensor:
            savings = guard.savings(architecture)
            supernet.set_savings(savings)

            def step() -> Tensor:
                return weights_step(
                    supernet,
                    *batch,
                    loss=self.task.loss,
                    precision=self.precision,
                    micro_batches=savings.micro_batches,
                    average=guard.group.average,
                )

            def predict() -> int:
                return guard.planner.predict(architecture, savings).peak_bytes

            expected_bytes = guard.expected_path_bytes(architecture, savings)
            return guard.run(GuardedStep(step, supernet, batch), expected_bytes, predict)

        return self.counted(guard.within_memory(supernet, attempt))

    def train_logits(
        self,
        supernet: Supernet,
        subspace: Subspace,
        weigh: Weigh,
        batch: Batch,
        *,
        among: Subspace | None = None,
    ) -> Tensor:
        """An architecture step on one or a few paths, unpruned; returns the loss.

        Args:
            supernet: has the logits.
            subspace: the paths.
            weigh: makes the weights of the mixtures.
            batch: a batch of the validation part.
            among: the candidates that soft targets choose from; by default those of the subspace.

        Raises:
            BudgetError: the subspace does not fit, whatever is allowed.
        """
        guard = self.guard
        guard.group.agree("subspace in training", repr(subspace))
        guard.keep_nothing(supernet)
        supernet.activate(subspace)
        batch = self.to_device(batch)
        supernet.weigh = weigh
        try:
            attempt = self._logits_attempt(supernet, subspace, weigh, batch, among)
            loss = self.counted(guard.within_memory(supernet, attempt))
        finally:
            supernet.weigh = None
        guard.group.follow_first("logits", supernet.logits)
        return loss

    def _logits_attempt(
        self,
        supernet: Supernet,
        subspace: Subspace,
        weigh: Weigh,
        batch: Batch,
        among: Subspace | None,
    ) -> Callable[[], Tensor]:
        guard, planner = self.guard, self.guard.planner

        def attempt() -> Tensor:
            expected_bytes = int(
                planner.expected_bytes(subspace, weigh=weigh) * _SUBSPACE_TOLERANCE
            )
            savings = MemorySavings()
            if expected_bytes > planner.tensor_budget_bytes:
                plan = planner.plan_whole(subspace, weigh)
                savings, expected_bytes = plan.savings, plan.memory.peak_bytes
            supernet.set_savings(savings)

            def step() -> Tensor:
                return architecture_step(
                    supernet,
                    *batch,
                    loss=self.task.loss,
                    precision=self.precision,
                    regulariser=self.regulariser(among=among),
                    micro_batches=savings.micro_batches,
                    average=guard.group.average,
                )

            def predict() -> int:
                return planner.predict(subspace, savings, weigh).peak_bytes

            guarded = GuardedStep(step, supernet, batch, StepKind.ARCHITECTURE)
            return guard.run(guarded, expected_bytes, predict)

        return attempt

    def regulariser(
        self, other: Regulariser | None = None, among: Subspace | None = None
    ) -> Regulariser | None:
        """What soft targets add to the loss of an architecture step, beside another regulariser.

        Args:
            other: added too.
            among: the candidates that the logits choose from; by default those that are live.
        """
        if not self.objectives:
            return other
        expected = ExpectedCost(self.objectives, among)
        return expected if other is None else Both(other, expected)

    def to_device(self, batch: Batch) -> Batch:
        """This process's part of a batch, on the device."""
        return move(self.guard.group.part(batch), self.guard.device)

    def counted(self, loss: Tensor) -> Tensor:
        """Returns the loss of a step, and counts the step where it was skipped.

        Raises:
            RunError: too many steps were skipped.
        """
        self.skipped.note(loss.isfinite())
        return loss
