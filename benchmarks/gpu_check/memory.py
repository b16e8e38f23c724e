"""Stage `memory`: predicted against what the allocator holds.

Spaces, kinds of step, savings, precisions and batches, in a fixed random order, so that what is
done when time is out is a sample of all.
"""

import gc
import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from measured import peak_of

from gpu_check.problems import last_path, last_two
from gpu_check.stage import Figures, Setting
from radars.memory import PLAIN, MemorySavings, TrainingSpec, predict
from radars.memory.floor import measured_floor_bytes
from radars.nn.steps import Precision, StepKind
from radars.space import SearchSpace, Subspace
from radars.zoo import load_space, zoo

_PRECISIONS: tuple[Precision, ...] = ("32-true", "bf16-mixed")
_SAVINGS = (
    PLAIN,
    MemorySavings(selective=1.0),
    MemorySavings(recompute=1.0),
    MemorySavings(recompute=1.0, split_channels=1.0),
)
_TRAINED = (StepKind.WEIGHTS, StepKind.ARCHITECTURE, StepKind.SECOND_ORDER)
_LARGE_SIDE = 64  # pixels: of larger images there are fewer in a batch
_TOLERANCE = 0.02
_WHOLE_SPACES = ("digits", "nasbench201", "nasbench-macro")
_MOST_SHARE = 0.5  # of the GPU's memory, that a step may take here
_QUICK_SPACES = ("digits",)


@dataclass(frozen=True)
class Case:
    """A step whose memory is predicted and measured."""

    space: SearchSpace
    label: str
    subspace: Subspace
    kind: StepKind
    savings: MemorySavings
    precision: Precision
    batch_size: int

    def named(self) -> dict[str, Any]:
        """What tells it from the others."""
        return {
            "space": self.space.name,
            "subspace": self.label,
            "step": self.kind.value,
            "savings": " ".join(self.savings.names),
            "precision": self.precision,
            "batch_size": self.batch_size,
        }


def run(setting: Setting, figures: Figures) -> None:
    """Measures one case after another until time is out."""
    floor_bytes = measured_floor_bytes(setting.device)
    known = list(cases(setting))
    rows: list[dict[str, Any]] = []
    for case in known:
        if setting.is_late:
            break
        rows.append(case.named() | held(setting, case, floor_bytes))
        figures.note(num_cases=len(known), rows=rows)
    ratios = [row["allocated_bytes"] / row["predicted_bytes"] for row in rows if "ratio" in row]
    if not ratios:
        return
    worst = max(rows, key=lambda row: abs(row.get("ratio", 1.0) - 1))
    figures.note(floor_bytes=floor_bytes, num_measured=len(ratios), worst=worst)
    figures.check("allocated within 2% of predicted", abs(worst["ratio"] - 1) <= _TOLERANCE)
    figures.say(
        f"{len(ratios)} of {len(known)} steps, allocated / predicted "
        f"{min(ratios):.4f} to {max(ratios):.4f}"
    )
    if setting.device.type == "cuda":
        # requested leaves out the rounding of sizes, and the rest of blocks that are not split
        for count in ("requested", "reserved"):
            known_bytes = [(row.get(f"{count}_bytes"), row["predicted_bytes"]) for row in rows]
            shares = [counted / predicted for counted, predicted in known_bytes if counted]
            figures.say(f"{count} / predicted {min(shares):.3f} to {max(shares):.3f}")


def cases(setting: Setting) -> Iterator[Case]:
    """All of them, shuffled."""
    names = _QUICK_SPACES if setting.is_quick else tuple(entry.name for entry in zoo())
    known = [case for name in names for case in of_space(setting, name)]
    random.Random(0).shuffle(known)
    yield from known[:6] if setting.is_quick else known


def of_space(setting: Setting, name: str) -> Iterator[Case]:
    """The cases of a space of the zoo."""
    space = load_space(name)
    assert space.input_shape is not None
    is_large = space.input_shape[-1] >= _LARGE_SIDE
    batch_sizes = (8,) if setting.is_quick else (8, 32) if is_large else (32, 128)
    path = last_path(space).as_subspace()
    steps = [("path", path, StepKind.WEIGHTS), ("path", path, StepKind.EVALUATION)]
    if space.is_modular:
        two = last_two(space)
        steps += [("two candidates", two, kind) for kind in _TRAINED]
    if name in _WHOLE_SPACES:
        steps += [("whole", space.full, kind) for kind in _TRAINED[:2]]
    for (label, subspace, kind), savings, precision, batch_size in itertools.product(
        steps, _SAVINGS, _PRECISIONS, batch_sizes
    ):
        is_second = kind is StepKind.SECOND_ORDER
        if savings == PLAIN or (kind is not StepKind.EVALUATION and not is_second):
            yield Case(space, label, subspace, kind, savings, precision, batch_size)


def held(setting: Setting, case: Case, floor_bytes: int) -> dict[str, Any]:
    """Predicted and, unless it is too large, measured bytes."""
    assert case.space.input_shape is not None
    spec = TrainingSpec(
        case.space.input_shape,
        case.batch_size,
        precision=case.precision,
        device_type=setting.device.type,
        floor_bytes=floor_bytes,
    )
    predicted = predict(case.space, case.subspace, spec, kinds=[case.kind], savings=case.savings)
    row: dict[str, Any] = {"predicted_bytes": predicted.peak_bytes}
    gc.collect()  # the network of the case before
    if setting.device.type == "cuda":
        torch.cuda.empty_cache()
        room_bytes = torch.cuda.mem_get_info(setting.device)[0]
        if predicted.peak_bytes > _MOST_SHARE * room_bytes:
            return row
    row["allocated_bytes"] = peak_of(
        case.space, case.subspace, spec, case.kind, case.savings, setting.device
    )
    row["ratio"] = row["allocated_bytes"] / predicted.peak_bytes
    if setting.device.type == "cuda":  # the same peaks, of the same step
        statistics = torch.cuda.memory_stats(setting.device)
        row["requested_bytes"] = statistics["requested_bytes.all.peak"]
        row["reserved_bytes"] = statistics["reserved_bytes.all.peak"]
    return row
