"""`Workbench`: what every phase of a search works with, on one device and one budget."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

import torch
from torch import Tensor

from radars.cost import Feasible, Objectives
from radars.data import Batch, BatchStream, Split, move
from radars.engine.evaluations import Evaluations
from radars.engine.memory_meter import MemoryMeter
from radars.engine.phases.expected_cost import Both, ExpectedCost
from radars.engine.policies.categorical import Policy, Sample, Uniform
from radars.errors import BudgetError
from radars.execution.group import Group
from radars.memory import MemorySavings, Planner, is_out_of_memory, out_of_memory_said
from radars.nn.steps import (
    Precision,
    Regulariser,
    architecture_step,
    evaluation_step,
    weights_step,
)
from radars.nn.supernet import Supernet, Weigh
from radars.nn.task import CLASSIFICATION, Task
from radars.runs.skipped import SkippedSteps
from radars.space import Architecture, SearchSpace, Subspace, fingerprint
from radars.units import format_bytes

Result = TypeVar("Result")

_PRICE_TOLERANCE = 1.05  # expected path bytes are within 5% of the exact ones
_SUBSPACE_TOLERANCE = 1.15  # and those of a subspace within 15%
_MAX_DRAWS = 1000
_TIGHTENED = 0.9  # of what a step was expected to hold when the device had no room for it


@dataclass
class Workbench:
    """The space that is searched, its data, and what may be spent.

    Attributes:
        space: the network that is trained while searching.
        feasible: the architectures that may be returned.
        objectives: the soft targets.
        evaluations: what was scored, for a front; None to keep nothing.
        planner: predicts and plans memory.
        meter: checks and measures it.
        train: the training part.
        validation: the validation part; scores architectures.
        train_stream: training batches.
        validation_stream: validation batches.
        device: where steps run.
        precision: of the steps.
        skipped: the steps that were skipped.
        group: the processes that train together.
        task: what steps minimise, and what architectures are scored by.
        on_out_of_memory: told what a step was expected to hold that the device had no room for,
            and the budget from then on.
    """

    space: SearchSpace
    feasible: Feasible
    objectives: Objectives
    evaluations: Evaluations | None
    planner: Planner
    meter: MemoryMeter
    train: Split
    validation: Split
    train_stream: BatchStream
    validation_stream: BatchStream
    device: torch.device
    precision: Precision
    skipped: SkippedSteps
    group: Group = field(default_factory=Group)
    task: Task = CLASSIFICATION
    on_out_of_memory: Callable[[int, int], None] = lambda expected_bytes, budget_bytes: None

    def fits(self, architecture: Architecture) -> bool:
        """Whether a path can be trained within the budget."""
        return self._fits_plainly(architecture) or self.planner.fits(architecture)

    def savings(self, architecture: Architecture) -> MemorySavings:
        """What a path needs to be trained within the budget.

        Raises:
            BudgetError: it does not fit, whatever is allowed.
        """
        if self._fits_plainly(architecture):
            return MemorySavings()
        return self.planner.plan_path(architecture).savings

    def evaluation_savings(self, architecture: Architecture) -> MemorySavings:
        """What a path needs in training, which suffices for an evaluation; none if nothing does."""
        try:
            return self.savings(architecture)
        except BudgetError:
            return MemorySavings()

    def _fits_plainly(self, architecture: Architecture) -> bool:
        """Whether prices alone say that a path fits without savings."""
        expected_bytes = self.planner.expected_path_bytes(architecture)
        return expected_bytes * _PRICE_TOLERANCE <= self.planner.budget_bytes

    def reward(self, architecture: Architecture, accuracy: float) -> float:
        """What a search maximises: the accuracy, and how near the costs are to soft targets."""
        return self.objectives.reward(architecture, accuracy)

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

    def fingerprint(self, architecture: Architecture) -> str:
        """Tells architectures apart by the network that they build."""
        with torch.device("meta"):
            network = self.space.build(architecture)
            return fingerprint(network, self.planner.spec.input_shape)

    def different(self, architectures: Iterable[Architecture], count: int) -> list[Architecture]:
        """The first `count` that fit the budget and build different networks; fewer if it ends."""
        known: dict[str, Architecture] = {}
        for architecture in architectures:
            if self.fits(architecture):
                known.setdefault(self.fingerprint(architecture), architecture)
            if len(known) == count:
                break
        return list(known.values())

    def draw(self, controller: Policy, *, uniform: bool = False) -> Sample:
        """Draws an architecture that satisfies the constraints and fits the budget.

        Raises:
            BudgetError: none was found in many draws.
        """
        for _ in range(_MAX_DRAWS):
            sample = controller.sample(self.feasible, uniform=uniform)
            if self.fits(sample.architecture):
                return sample
        raise BudgetError(
            f"of {_MAX_DRAWS} architectures that satisfy the constraints none fits the budget of "
            f"{self.planner.budget_bytes:,} bytes; raise the budget or loosen a constraint"
        )

    def draw_uniform(self, generator: torch.Generator) -> Architecture:
        """Draws an architecture that satisfies the constraints and fits the budget, uniformly.

        Raises:
            BudgetError: none was found in many draws.
        """
        return self.draw(Uniform(self.space.full, generator)).architecture

    def train_path(self, supernet: Supernet, architecture: Architecture, batch: Batch) -> Tensor:
        """A weights step on one path; returns the loss, not finite where it was skipped."""
        self.group.agree("architecture in training", architecture.to_json())
        supernet.activate(architecture)
        batch = self.to_device(batch)

        def attempt() -> Tensor:
            savings = self.savings(architecture)
            supernet.set_savings(savings)

            def step() -> Tensor:
                return weights_step(
                    supernet,
                    *batch,
                    loss=self.task.loss,
                    precision=self.precision,
                    micro_batches=savings.micro_batches,
                    average=self.group.average,
                )

            def predict() -> int:
                return self.planner.predict(architecture, savings).peak_bytes

            expected_bytes = int(self.planner.expected_path_bytes(architecture) * _PRICE_TOLERANCE)
            if savings.names:
                expected_bytes = predict()  # known already
            return self.meter.run(step, supernet, batch, expected_bytes, predict)

        return self.counted(self.within_memory(supernet, attempt))

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
            batch: of the validation part.
            among: the candidates that soft targets choose from; by default those of the subspace.

        Raises:
            BudgetError: the subspace does not fit, whatever is allowed.
        """
        self.group.agree("subspace in training", repr(subspace))
        supernet.activate(subspace)
        batch = self.to_device(batch)

        def attempt() -> Tensor:
            expected_bytes = int(
                self.planner.expected_bytes(subspace, weigh=weigh) * _SUBSPACE_TOLERANCE
            )
            savings = MemorySavings()
            if expected_bytes > self.planner.budget_bytes:
                plan = self.planner.plan_whole(subspace, weigh)
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
                    average=self.group.average,
                )

            def predict() -> int:
                return self.planner.predict(subspace, savings, weigh).peak_bytes

            return self.meter.run(step, supernet, batch, expected_bytes, predict)

        supernet.weigh = weigh
        try:
            loss = self.counted(self.within_memory(supernet, attempt))
        finally:
            supernet.weigh = None
        self.group.follow_first("logits", supernet.logits)
        return loss

    def to_device(self, batch: Batch) -> Batch:
        """This process's part of a batch, on the device."""
        return move(self.group.part(batch), self.device)

    def within_memory(self, supernet: Supernet, attempt: Callable[[], Result]) -> Result:
        """Runs a step, and once more within a tighter budget where the device had no room for it.

        Args:
            supernet: what the step trains; the gradients of a failed attempt are dropped.
            attempt: runs the step as the planner has it at the time.

        Raises:
            BudgetError: nothing fits the tighter budget.
            RunError: the device has no room for that either.
        """
        try:
            return attempt()
        except (RuntimeError, MemoryError) as error:
            if self.group.size > 1 or not is_out_of_memory(error):
                raise  # of several processes one cannot do a step again that the others have done
        # out here, as the error holds on to the tensors of the step
        supernet.drop_gradients()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        expected_bytes = self.meter.latest_bytes
        self.planner.tighten(int(_TIGHTENED * expected_bytes))
        self.meter.budget_bytes = self.planner.budget_bytes
        self.on_out_of_memory(expected_bytes, self.planner.budget_bytes)
        with out_of_memory_said(f"a step of {format_bytes(expected_bytes)}, nor for a smaller one"):
            return attempt()

    def counted(self, loss: Tensor) -> Tensor:
        """Returns the loss of a step, and counts the step where it was skipped.

        Raises:
            RunError: too many steps were skipped.
        """
        self.skipped.note(loss.isfinite())
        return loss

    def total_score(
        self,
        supernet: Supernet,
        architecture: Architecture,
        batch: Batch,
        savings: MemorySavings | None = None,
    ) -> Tensor:
        """The sum of what one path scores on a batch: a scalar on the device.

        In classification, how many examples it classifies rightly. A path that is trained in parts,
        to fit the budget, is evaluated in parts, so that it holds no more.

        Args:
            supernet: has its weights.
            architecture: the path.
            batch: of the validation part.
            savings: those of `evaluation_savings`, where they are known.
        """
        supernet.activate(architecture)
        savings = savings or self.evaluation_savings(architecture)
        supernet.set_savings(savings)
        batch = self.to_device(batch)
        if not len(batch.label_B):  # a last batch of fewer examples than processes
            return self.group.total(torch.zeros((), dtype=torch.int64, device=self.device))
        output_BK = evaluation_step(
            supernet,
            batch.example_B,
            precision=self.precision,
            micro_batches=min(savings.micro_batches, max(1, len(batch.label_B) // 2)),
        )
        return self.group.total(self.task.score(output_BK, batch.label_B).sum())

    def accuracy(
        self,
        supernet: Supernet,
        architecture: Architecture,
        batch_size: int,
        *,
        is_alone: bool = False,
    ) -> float:
        """The mean score of one path on the whole validation part: a fraction.

        Args:
            supernet: has its weights.
            architecture: the path.
            batch_size: of the evaluation.
            is_alone: whether the weights were trained for this path alone.
        """
        total = torch.zeros((), dtype=torch.int64, device=self.device)
        savings = self.evaluation_savings(architecture)
        num_parts = self.group.size
        for batch in self.validation.evaluation_batches(batch_size, num_parts=num_parts):
            total = total + self.total_score(supernet, architecture, batch, savings)
        accuracy = float(total) / len(self.validation)
        self.note(architecture, accuracy, len(self.validation), is_alone=is_alone)
        return accuracy

    def note(
        self, architecture: Architecture, accuracy: float, num_examples: int, *, is_alone: bool
    ) -> None:
        """Remembers an accuracy for a front.

        Args:
            architecture: what was scored.
            accuracy: a fraction of the examples.
            num_examples: of the validation part.
            is_alone: whether the weights were trained for it alone, not shared.
        """
        if self.evaluations is not None:
            self.evaluations.add(architecture, accuracy, num_examples, is_alone=is_alone)
