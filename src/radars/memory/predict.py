"""`predict`: the memory of a training step, traced on fake tensors; nothing is allocated."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from radars._torch_internals import trace_fused_sgd, tree_leaves
from radars.example import Example, InputDtype, blank, mapped, parts_of
from radars.memory.allocation_order import AllocationOrder
from radars.memory.cuda_operators import cuda_operators
from radars.memory.fake import tracing
from radars.memory.masked_choices import path_relaxation
from radars.memory.tracker import Breakdown, MemoryTracker, Part
from radars.nn.memory_saving.savings import PLAIN, MemorySavings
from radars.nn.mixture import Mixture
from radars.nn.optimizer import OptimizerConfig, state_tensors
from radars.nn.path_relaxation import MaskMaker, PathRelaxation
from radars.nn.relaxation import Relaxation, Softmax
from radars.nn.second_order_step import second_order_step
from radars.nn.steps import (
    Precision,
    StepKind,
    architecture_step,
    evaluation_step,
    num_paths,
    weights_step,
)
from radars.nn.supernet import Supernet, Weigh
from radars.nn.task import CLASSIFICATION, Loss, Task
from radars.space import Architecture, SearchSpace, Subspace, building

_KEPT_FOR_WEIGHTS = 2  # the output, and its product with the gradient
_COPIES_OF_LOGITS = 16
_OF_LOGITS = (StepKind.ARCHITECTURE, StepKind.SECOND_ORDER)

trace_fused_sgd()


@dataclass(frozen=True)
class TrainingSpec:
    """What, beside the live candidates, decides the memory of a step.

    Attributes:
        input_shape: the shape of one example, without the batch.
        batch_size: examples in a training batch.
        optimizer: the optimizer of the network weights.
        architecture_optimizer: the optimizer of the architecture logits; None for the supernet's
            own.
        relaxation: the relaxation of the mixtures.
        precision: `32-true` or `bf16-mixed`.
        device_type: the device whose allocator's rounding counts.
        second_order: whether an architecture step takes the virtual step of DARTS.
        task: whose loss and labels they are.
        floor_bytes: what the device holds before all that (`radars.memory.floor`).
        counts_reserved: whether a budget is of what CUDA's allocator reserves (`hard_cap`), not of
            what tensors hold.
        input_dtype: the dtype of an example.
        arrival_bytes: what a GPU holds for an example on its way there, beside the example itself.
    """

    input_shape: Any
    batch_size: int
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    architecture_optimizer: OptimizerConfig | None = None
    relaxation: Relaxation = field(default_factory=Softmax)
    precision: Precision = "32-true"
    device_type: str = "cpu"
    second_order: bool = False
    task: Task = CLASSIFICATION
    floor_bytes: int = 0
    counts_reserved: bool = False
    input_dtype: InputDtype = torch.float32
    arrival_bytes: int = 0

    @property
    def training_kinds(self) -> tuple[StepKind, ...]:
        """The steps that train a subspace."""
        architecture = StepKind.SECOND_ORDER if self.second_order else StepKind.ARCHITECTURE
        return StepKind.WEIGHTS, architecture

    @property
    def device(self) -> torch.device:
        """The device that is traced for; with its index, as tensors there name it.

        It is the CPU for a GPU that is not here, too, as a backward pass of fake tensors asks
        PyTorch for it: most kernels are the CPU's then. The allocator's rounding is a GPU's, and so
        is what is known to differ (`cuda_operators`).
        """
        is_here = self.device_type != "cpu" and torch.cuda.is_available()
        return torch.device(self.device_type, 0) if is_here else torch.device("cpu")

    @property
    def is_imitated(self) -> bool:
        """Whether a GPU is traced for that is not here."""
        return self.device.type != self.device_type

    @contextmanager
    def tracing(self) -> Iterator[None]:
        """Within, tensors are fake, and operators keep what they keep on the device type."""
        with tracing(), cuda_operators() if self.is_imitated else nullcontext():
            yield

    def batch(self) -> tuple[Any, Tensor]:
        """Examples and labels of the right shapes, with no values to speak of."""
        with self.device:
            example_B = blank(self.batch_size, self.input_shape, self.input_dtype)
        example_B = mapped(_as_it_comes, example_B)
        label_shape = (self.batch_size, *self.task.label_shape)
        return example_B, torch.zeros(label_shape, dtype=self.task.label_dtype, device=self.device)


def _as_it_comes(input_B: Tensor) -> Tensor:
    """With images channels last, as data give them."""
    is_image = input_B.dim() == 4
    return input_B.contiguous(memory_format=torch.channels_last) if is_image else input_B


@dataclass(frozen=True)
class StepMemory:
    """The peak of one step.

    Attributes:
        peak_bytes: the most bytes of tensors alive at once.
        breakdown: what they were there for.
        kind: which step it is.
    """

    peak_bytes: int
    breakdown: Breakdown
    kind: StepKind

    def with_peak(self, peak_bytes: int) -> "StepMemory":
        """A step that holds more, of which no trace says what it is."""
        if peak_bytes == self.peak_bytes:
            return self
        workspaces = self.breakdown.workspaces + peak_bytes - self.peak_bytes
        breakdown = replace(self.breakdown, workspaces=workspaces)
        return replace(self, peak_bytes=peak_bytes, breakdown=breakdown)


def predict(
    space: SearchSpace,
    subspace: Subspace | Architecture,
    spec: TrainingSpec,
    *,
    kinds: Iterable[StepKind] | None = None,
    savings: MemorySavings = PLAIN,
    weigh: Weigh | None = None,
) -> StepMemory:
    """Predicts the peak of the steps that train a subspace, by running them on fake tensors.

    Args:
        space: the search space.
        subspace: the live candidates; with an architecture, the steps are those of one path.
        spec: batch, optimizers, precision.
        kinds: the steps that are run in turn, by default those of `spec.training_kinds`; the
            dearest counts. An architecture step is left out where nothing is left to choose.
        savings: what trades time for memory.
        weigh: used instead of the relaxation; gives logits a gradient where a single path is live.

    Returns:
        The dearest step's memory. Every state that one of the steps leaves on the device, such as
        momentum, is there in all of them.
    """
    subspace = subspace.as_subspace()
    kinds = spec.training_kinds if kinds is None else tuple(kinds)
    if weigh is None:
        kinds = kinds_of(subspace, kinds)
    with traced_supernet(space, subspace, spec, savings, weigh) as supernet:
        output_bytes = _note_outputs(supernet)
        memories: list[StepMemory] = []
        bound_bytes = math.inf
        for kind in kinds:
            if kind is StepKind.ARCHITECTURE and memories and bound_bytes <= memories[0].peak_bytes:
                continue  # it cannot be the dearest, and a trace takes a while
            tracker = trace_step(kind, supernet, spec, savings.micro_batches)
            memory = StepMemory(tracker.peak_bytes, tracker.breakdown, kind)
            memories.append(memory.with_peak(tracker.peak_bytes + spec.floor_bytes))
            if kind is StepKind.WEIGHTS and savings.recompute == 1:
                bound_bytes = _architecture_bound(tracker, supernet, output_bytes)
                bound_bytes += spec.floor_bytes
    return max(memories, key=lambda memory: memory.peak_bytes)


def kinds_of(subspace: Subspace, kinds: Iterable[StepKind]) -> tuple[StepKind, ...]:
    """The kinds of step that train a subspace: no logits where nothing is left to choose."""
    is_path = subspace.num_architectures == 1
    return tuple(kind for kind in kinds if not (is_path and kind in _OF_LOGITS))


@contextmanager
def traced_supernet(
    space: SearchSpace,
    subspace: Subspace,
    spec: TrainingSpec,
    savings: MemorySavings = PLAIN,
    weigh: Weigh | None = None,
) -> Iterator[Supernet]:
    """Within, tensors are fake, and so is this supernet. Arguments as for `predict`."""
    relaxation = _known_relaxation(space, subspace, spec)
    with spec.tracing():
        with building(spec.device):
            supernet = Supernet(
                space,
                subspace,
                spec.relaxation,
                optimizer=spec.optimizer,
                architecture_optimizer=spec.architecture_optimizer,
                savings=savings,
                device=spec.device,
                seed=None,
                path_relaxation=relaxation,
            )
        supernet.weigh = weigh
        yield supernet


def _known_relaxation(
    space: SearchSpace, subspace: Subspace, spec: TrainingSpec
) -> PathRelaxation | None:
    """How a subspace is relaxed over paths, if it is, with all that a trace would ask for."""
    if space.is_modular or all(len(names) == 1 for names in subspace.values()):
        return None
    relaxation = path_relaxation(space, spec.input_shape, spec.batch_size)
    for path in relaxation.largest_paths(space, subspace):
        MaskMaker(space, relaxation).windows(path, subspace)  # quicker outside of a trace
    return relaxation


def trace_step(
    kind: StepKind,
    supernet: Supernet,
    spec: TrainingSpec,
    micro_batches: int = 1,
    order: AllocationOrder | None = None,
) -> MemoryTracker:
    """Runs a step of a supernet of `traced_supernet`; returns what has watched it.

    Args:
        kind: the kind of step.
        supernet: what is trained.
        spec: batch, precision.
        micro_batches: into how many parts the batch is split.
        order: as for `MemoryTracker`.
    """
    example_B, label_B = spec.batch()
    batch = [example_B, label_B]
    if kind is StepKind.SECOND_ORDER:
        batch += [mapped(torch.empty_like, example_B), torch.zeros_like(label_B)]
    with building(spec.device):
        supernet.hold_largest_paths(num_paths(kind))
    tracker: MemoryTracker
    with track(supernet, batch, spec.device_type, order) as tracker:
        if spec.arrival_bytes:
            num_bytes = spec.arrival_bytes * spec.batch_size
            torch.empty(num_bytes, dtype=torch.uint8, device=spec.device)
        run_step(kind, supernet, batch, spec.precision, micro_batches, spec.task.loss)
    return tracker


def _note_outputs(supernet: Supernet) -> list[int]:
    """From now on appends the bytes of what each mixture returns to the list."""
    output_bytes: list[int] = []

    def note(mixture: nn.Module, inputs: object, output: Any) -> None:
        output_bytes.append(sum(tensor.nbytes for tensor in tree_leaves(output)))

    for module in supernet.modules():
        if isinstance(module, Mixture):
            module.register_forward_hook(note)
    return output_bytes


def _architecture_bound(
    tracker: MemoryTracker, supernet: Supernet, output_bytes: Sequence[int]
) -> int:
    """What an architecture step with recomputation cannot exceed, from a trace of a weights step.

    It runs the same passes, without gradients of weights. Beside them, it keeps the output of the
    candidate that is recomputed, for the gradient of its weight, and makes the logits' own.
    """
    of_logits: int = sum(logit_C.nbytes for logit_C in supernet.logits)
    return (
        tracker.peak_without_gradients_bytes
        + _KEPT_FOR_WEIGHTS * max(output_bytes)
        + _COPIES_OF_LOGITS * of_logits
    )


def run_step(
    kind: StepKind,
    supernet: Supernet,
    batch: Sequence[Example],
    precision: Precision = "32-true",
    micro_batches: int = 1,
    loss: Loss = CLASSIFICATION.loss,
) -> Tensor:
    """Runs a step of one kind; returns its loss or, for an evaluation, its outputs.

    Args:
        kind: the kind of the step.
        supernet: what it trains or evaluates.
        batch: examples and labels; for a second-order step, those of a training batch after them.
        precision: the precision of the step.
        micro_batches: into how many parts the batch is split.
        loss: the loss of the task.
    """
    if kind is StepKind.EVALUATION:
        return evaluation_step(supernet, batch[0], precision=precision, micro_batches=micro_batches)
    if kind is StepKind.SECOND_ORDER:
        step: Callable[..., Tensor] = partial(second_order_step, virtual_learning_rate=0.1)
    else:
        step = architecture_step if kind is StepKind.ARCHITECTURE else weights_step
    return step(supernet, *batch, loss=loss, precision=precision, micro_batches=micro_batches)


def track(
    supernet: Supernet,
    batch: Iterable[Example],
    allocator: str | None = None,
    order: AllocationOrder | None = None,
) -> MemoryTracker:
    """A tracker that knows what a supernet has on the device before a step.

    Args:
        supernet: what is trained or evaluated.
        batch: what else is on the device.
        allocator: as for `MemoryTracker`.
        order: likewise.
    """
    optimizers = [*supernet.weight_optimizers(), supernet.logits.optimizer]
    tensors = [part for each in batch for part in parts_of(each)]
    return MemoryTracker(
        {
            Part.PARAMETERS: [*supernet.parameters(), *supernet.buffers()],
            Part.OPTIMIZER_STATE: [
                tensor for optimizer in optimizers for tensor in state_tensors(optimizer)
            ],
            Part.ACTIVATIONS: tensors,
        },
        tensors[0].device,
        allocator,
        order,
    )
