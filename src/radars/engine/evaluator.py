"""`Evaluator`: what a path scores on validation batches, with whatever weights."""

from dataclasses import dataclass

import torch
from torch import Tensor

from radars.data import Batch, Split, move
from radars.engine.evaluations import Evaluations
from radars.engine.memory_guard import MemoryGuard
from radars.memory import MemorySavings
from radars.nn.steps import Precision, evaluation_step
from radars.nn.supernet import Supernet
from radars.nn.task import Task
from radars.space import Architecture


@dataclass(frozen=True)
class Evaluator:
    """Scores paths.

    Attributes:
        guard: knows which memory savings a path needs.
        task: what architectures are scored by.
        precision: the precision of the forward passes.
        validation: the validation part.
        evaluations: what was scored, for a front; None to keep nothing.
    """

    guard: MemoryGuard
    task: Task
    precision: Precision
    validation: Split
    evaluations: Evaluations | None

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
            batch: a batch of the validation part.
            savings: those of `MemoryGuard.evaluation_savings`, where they are known.
        """
        guard = self.guard
        supernet.activate(architecture)
        savings = savings or guard.evaluation_savings(architecture)
        supernet.set_savings(savings)
        batch = move(guard.group.part(batch), guard.device)
        if not len(batch.label_B):  # a last batch of fewer examples than processes
            return guard.group.total(torch.zeros((), dtype=torch.int64, device=guard.device))
        output_BK = evaluation_step(
            supernet,
            batch.example_B,
            precision=self.precision,
            micro_batches=min(savings.micro_batches, max(1, len(batch.label_B) // 2)),
        )
        return guard.group.total(self.task.score(output_BK, batch.label_B).sum())

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
            batch_size: the batch size of the evaluation.
            is_alone: whether the weights were trained for this path alone.
        """
        guard = self.guard
        total = torch.zeros((), dtype=torch.int64, device=guard.device)
        savings = guard.evaluation_savings(architecture)
        batches = self.validation.evaluation_batches(batch_size, num_parts=guard.group.size)
        for batch in batches:
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
            num_examples: the number of examples of the validation part.
            is_alone: whether the weights were trained for it alone, not shared.
        """
        if self.evaluations is not None:
            self.evaluations.add(architecture, accuracy, num_examples, is_alone=is_alone)
