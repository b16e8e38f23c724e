"""What people read at the end of a training or of an evaluation."""

from importlib.util import find_spec
from pathlib import Path
from shlex import quote

from radars.training.evaluation import EvaluationResult
from radars.training.exporting import ExportFormat, ExportResult
from radars.training.train_result import TrainResult
from radars.units import format_bytes, format_count, format_seconds

_MOST_CLASSES = 12
_CELL_WIDTH = 9
_MOST_PAIRS = 8


def train_summary(result: TrainResult, out: Path) -> str:
    """How good it is on what was held out, how well it fits what it trained on; what is next."""
    held_out = []
    if result.validation_accuracy is not None:
        held_out = [
            f"accuracy    {result.validation_accuracy:.2%} on what was held out, after epoch "
            f"{result.best_epoch}, the best, which is kept"
        ]
    name = "training" if held_out else "accuracy"
    lines = [
        f"\ntrained on {result.space} for {result.epochs} epochs in "
        f"{format_seconds(result.train_seconds)}",
        "",
        *held_out,
        f"{name:12}{result.train_accuracy:.2%} on the training split, as augmented",
        f"size        {format_count(result.parameters)} parameters, {format_count(result.macs)} "
        f"multiply-accumulates",
        f"results     {out}",
        "",
        "next: evaluate it on the test split",
        f"  radars evaluate {quote(str(out))}",
        "or write it to a file that works without radars",
        f"  radars export {quote(str(out))} --format onnx --out {quote(f'{out}.onnx')}",
        *_needed_for_onnx(),
    ]
    return "\n".join(lines)


def _needed_for_onnx() -> list[str]:
    """What to install before that; nothing where it is there."""
    if all(map(find_spec, ("onnx", "onnxruntime", "onnxscript"))):
        return []
    return ['  (which needs pip install "radars-nas[onnx]"; --format torch-export needs nothing)']


_USES = {
    ExportFormat.ONNX: "onnxruntime.InferenceSession({file!r})",
    ExportFormat.TORCH_EXPORT: "torch.export.load({file!r}).module()",
    ExportFormat.SAFETENSORS: "python {file} IMAGE",
}


def export_summary(result: ExportResult) -> str:
    """What was written, and how it is used."""
    is_source = result.format is ExportFormat.SAFETENSORS
    lines = [
        f"\nwrote       {' and '.join(map(str, result.files))}",
        f"input       {result.input}, normalised {'by `normalise`' if is_source else 'inside'}",
        f"output      scores of {len(result.class_names)} classes, before softmax",
        f"compared    with the network on random images: scores differ by at most "
        f"{result.largest_difference:.1g}",
        f"use         {_USES[result.format].format(file=str(result.files[0]))}",
    ]
    return "\n".join(lines)


def evaluation_summary(result: EvaluationResult) -> str:
    """How good the network is on the test split, and what it takes for what."""
    lines = [
        f"\ntest accuracy {result.test_accuracy:.2%} on {result.num_examples} examples of "
        f"{result.source}",
        "",
        f"loss          {result.test_loss:.4f}",
        *_calibration_lines(result),
        f"speed         {result.examples_per_second:.0f} examples/s on {result.device}",
        f"peak memory   {format_bytes(result.peak_memory_bytes)} of tensors, "
        f"{format_bytes(result.peak_rss_bytes)} of the process",
        *(_confusion_lines(result) if result.confusion else ()),
    ]
    return "\n".join(lines)


def _calibration_lines(result: EvaluationResult) -> list[str]:
    error = result.expected_calibration_error
    return [] if error is None else [f"calibration   expected error {error:.2%}"]


def _confusion_lines(result: EvaluationResult) -> list[str]:
    """The whole matrix where it fits a terminal; else what is confused most."""
    if len(result.class_names) <= _MOST_CLASSES:
        names = [name[:_CELL_WIDTH] for name in result.class_names]
        width = max(map(len, (*names, str(result.num_examples)))) + 1
        rows = [
            f"{name:>{width}}" + "".join(f"{count or '.':>{width}}" for count in counts)
            for name, counts in zip(names, result.confusion, strict=True)
        ]
        head = " " * width + "".join(f"{name:>{width}}" for name in names)
        return ["", "class (rows) taken for (columns)", head, *rows]
    wrong = [
        (count, result.class_names[label], result.class_names[answer])
        for label, counts in enumerate(result.confusion)
        for answer, count in enumerate(counts)
        if label != answer and count
    ]
    worst = sorted(wrong, key=lambda each: -each[0])[:_MOST_PAIRS]
    pairs = [f"  {count:6}  {label} taken for {answer}" for count, label, answer in worst]
    return ["", "most confused", *(pairs or ["  none"])]
