"""What people read at the end of a training or of an evaluation."""

from pathlib import Path

from radars.train.evaluate import EvaluationResult
from radars.train.result import TrainResult
from radars.units import format_count, format_seconds


def train_summary(result: TrainResult, out: Path) -> str:
    """How well the network fits the training split, and what to do next."""
    lines = [
        f"\ntrained on {result.space} for {result.epochs} epochs in "
        f"{format_seconds(result.train_seconds)}",
        "",
        f"accuracy    {result.train_accuracy:.2%} on the training split, as augmented",
        f"size        {format_count(result.parameters)} parameters, {format_count(result.macs)} "
        f"multiply-accumulates",
        f"results     {out}",
        "",
        "next: evaluate it on the test split",
        f"  radars evaluate {out}",
    ]
    return "\n".join(lines)


def evaluation_summary(result: EvaluationResult) -> str:
    """The accuracy on the test split."""
    return (
        f"\ntest accuracy {result.test_accuracy:.2%} on {result.num_examples} examples of "
        f"{result.source} (loss {result.test_loss:.4f}, {result.examples_per_second:.0f} "
        f"examples/s on {result.device})"
    )
