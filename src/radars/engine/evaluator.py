"""`Evaluator`: what a path scores on validation batches, with whatever weights."""

from collections.abc import Hashable, Iterable, Sequence
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

    def total_scores(
        self, supernet: Supernet, architectures: Sequence[Architecture], batch: Batch
    ) -> list[Tensor]:
        """The sum of what each of some paths scores on a batch: scalars on the device.

        In classification, how many examples it classifies rightly. A path that is trained in parts,
        to fit the budget, is evaluated in parts, so that it holds no more.

        Args:
            supernet: has their weights.
            architectures: the paths.
            batch: a batch of the validation part; it goes to the device once.
        """
        batch = self._on_device(batch)
        return [
            self._total_score(supernet, each, batch, self.guard.evaluation_savings(each))
            for each in architectures
        ]

    def scores_of_each(
        self,
        supernet: Supernet,
        architecture: Architecture,
        batches: Iterable[Batch],
        key: Hashable,
    ) -> list[Tensor]:
        """What one path scores on each of some batches, as `total_scores` has it.

        Args:
            supernet: has its weights.
            architecture: the path.
            batches: batches of the validation part. On a GPU they stay for the next architecture,
                where the budget has room.
            key: the same for the same batches.
        """
        guard = self.guard
        savings = guard.evaluation_savings(architecture)
        moved = guard.kept.each(
            key, map(self._on_device, batches), lambda: guard.keep_idle(supernet)
        )
        return [self._total_score(supernet, architecture, batch, savings) for batch in moved]

    def _on_device(self, batch: Batch) -> Batch:
        """This process's part of a batch, on the device."""
        return move(self.guard.group.part(batch), self.guard.device)

    def _total_score(
        self, supernet: Supernet, architecture: Architecture, batch: Batch, savings: MemorySavings
    ) -> Tensor:
        guard = self.guard
        guard.keep_idle(supernet)
        supernet.activate(architecture)
        supernet.set_savings(savings)
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
        batches = self.validation.evaluation_batches(batch_size, num_parts=guard.group.size)
        key = ("validation", batch_size)
        for score in self.scores_of_each(supernet, architecture, batches, key):
            total = total + score
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
