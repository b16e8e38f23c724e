"""`export_network`: the network of a training in a file of its own."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import torch

from radars.errors import ConfigError, SpaceError
from radars.failures import failures_said
from radars.reading import MOST_JSON_BYTES, read_file
from radars.runs.files import write_all_atomically
from radars.runs.own_files import check_no_file_of_a_run
from radars.training.exporting.onnx import onnx_bytes
from radars.training.exporting.portable import facts
from radars.training.exporting.source_file import HEADER, source_and_weights
from radars.training.exporting.torch_export import torch_export_bytes
from radars.training.usable_network import UsableNetwork


class ExportFormat(StrEnum):
    """What a network is exported to."""

    ONNX = "onnx"
    TORCH_EXPORT = "torch-export"
    SAFETENSORS = "safetensors"


_SUFFIXES = {
    ExportFormat.ONNX: ".onnx",
    ExportFormat.TORCH_EXPORT: ".pt2",
    ExportFormat.SAFETENSORS: ".safetensors",
}


@dataclass(frozen=True)
class ExportResult:
    """What was written.

    Attributes:
        format: the format of the file.
        files: that were written.
        largest_difference: the largest difference of a score, between the file and the network, on
            random images.
        class_names: the names of classes, in the order of the scores.
        input: what the file takes, for people.
        input_shape: the shape of an example: channels, height, width of an image.
    """

    format: ExportFormat
    files: tuple[Path, ...]
    largest_difference: float
    class_names: tuple[str, ...]
    input: str
    input_shape: tuple[int, ...]


def export_network(trained: UsableNetwork, out: Path, *, format: str | None = None) -> ExportResult:
    """Exports a trained network; what is written has been compared with it.

    Every format takes pixels, uint8 (B, C, H, W), where radars read the images, and else examples
    as the training data had them, float32; it gives scores before softmax, (B, K), for batches of
    any size; class names and what else a user must know are in the file.

    Args:
        trained: the network.
        out: the file; ends in `.onnx`, `.pt2` or `.safetensors`. Beside the last, a Python file of
            the same name builds the network.
        format: `onnx`, `torch-export` or `safetensors`; by default what the file's name says.

    Raises:
        ConfigError: the file cannot be there.
        SpaceError: the network cannot be exported to this format.
        RunError: what would be written differs from the network; or it cannot be written.
    """
    kind = check_export(out, format)
    for name, module in trained.network.named_modules():
        if isinstance(module, torch.jit.ScriptModule):
            raise SpaceError(
                f"a network is exported from layers as they were written, but {name or 'it'} is "
                f"scripted; leave out torch.jit.script in the space"
            )
    source_file = out.with_suffix(".py")
    contents: dict[Path, str | bytes] = {}
    with failures_said(SpaceError, f"an export to {kind}"):
        if kind is ExportFormat.ONNX:
            contents[out], difference = onnx_bytes(trained)
        elif kind is ExportFormat.TORCH_EXPORT:
            contents[out], difference = torch_export_bytes(trained)
        else:
            contents[source_file], contents[out], difference = source_and_weights(
                trained, source_file.name
            )
    write_all_atomically(contents)
    return ExportResult(
        kind,
        tuple(contents),
        difference,
        trained.class_names,
        facts(trained)["input"],
        trained.input_shape,
    )


def check_export(out: Path, format: str | None = None) -> ExportFormat:
    """The format of a file that is to be written, before anything is loaded.

    Raises:
        ConfigError: there is no such format, or the file cannot be there.
    """
    kind = _format_of(out, format)
    _check_place(out, out.with_suffix(".py") if kind is ExportFormat.SAFETENSORS else None)
    return kind


def _format_of(out: Path, name: str | None) -> ExportFormat:
    known = ", ".join(f"{kind} ({suffix})" for kind, suffix in _SUFFIXES.items())
    if name is None:
        for kind, suffix in _SUFFIXES.items():
            if out.suffix == suffix:
                return kind
        raise ConfigError(f"the formats are {known}, but got a file named {out.name}; add --format")
    if name not in list(ExportFormat):
        raise ConfigError(f"the formats are {known}, but got {name!r}; choose one of them")
    kind = ExportFormat(name)
    if out.suffix != _SUFFIXES[kind]:
        raise ConfigError(
            f"a file of the format {kind} ends in {_SUFFIXES[kind]}, but got {out.name}; rename it"
        )
    return kind


def _check_place(out: Path, source_file: Path | None) -> None:
    if not out.parent.is_dir():
        raise ConfigError(f"a file is written into a folder, but there is no {out.parent}; make it")
    for file in (out, source_file):
        if file is not None:
            check_no_file_of_a_run(file)
    if out.is_dir():
        raise ConfigError(f"an export is a file, but {out} is a folder; choose another --out")
    if source_file is not None and source_file.exists():
        try:
            is_ours = read_file(source_file, MOST_JSON_BYTES).startswith(HEADER.encode())
        except OSError:
            is_ours = False
        if not is_ours:
            raise ConfigError(
                f"the network is written to {source_file.name}, but there is another file of that "
                f"name; choose another --out"
            )
