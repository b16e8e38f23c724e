"""`predict`: the memory of a training step, traced on fake tensors; nothing is allocated."""

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from radars.memory.levers import PLAIN, Levers
from radars.memory.tracker import Breakdown, MemoryTracker, Part
from radars.nn.optimizer import OptimizerConfig, state_tensors
from radars.nn.relaxation import Relaxation, Softmax
from radars.nn.steps import (
    Precision,
    StepKind,
    architecture_step,
    evaluation_step,
    weights_step,
)
from radars.nn.supernet import Supernet
from radars.space import Architecture, SearchSpace, Subspace, building


@dataclass(frozen=True)
class TrainingSpec:
    """What, beside the live candidates, decides the memory of a step.

    Attributes:
        input_shape: of one example, without the batch.
        batch_size: examples in a training batch.
        optimizer: of the network weights.
        architecture_optimizer: of the architecture logits; None for the supernet's own.
        relaxation: of the mixtures.
        precision: `32-true` or `bf16-mixed`.
        device_type: the device whose allocator's rounding counts.
    """

    input_shape: tuple[int, ...]
    batch_size: int
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    architecture_optimizer: OptimizerConfig | None = None
    relaxation: Relaxation = field(default_factory=Softmax)
    precision: Precision = "32-true"
    device_type: str = "cpu"

    @property
    def device(self) -> torch.device:
        """The device that is traced for; with its index, as tensors there name it."""
        return (
            torch.device("cpu") if self.device_type == "cpu" else torch.device(self.device_type, 0)
        )


@dataclass(frozen=True)
class StepMemory:
    """The peak of one step.

    Attributes:
        peak_bytes: the most bytes of tensors alive at once.
        breakdown: what they were there for.
    """

    peak_bytes: int
    breakdown: Breakdown


def predict(
    space: SearchSpace,
    subspace: Subspace | Architecture,
    spec: TrainingSpec,
    *,
    kinds: Iterable[StepKind] = (StepKind.WEIGHTS, StepKind.ARCHITECTURE),
    levers: Levers = PLAIN,
) -> StepMemory:
    """Predicts the peak of the steps that train a subspace, by running them on fake tensors.

    Args:
        space: the search space.
        subspace: the live candidates; with an architecture, the steps are those of one path.
        spec: batch, optimizers, precision.
        kinds: the steps that are run in turn; the dearest counts. An architecture step is left
            out where nothing is left to choose.
        levers: what trades time for memory.

    Returns:
        The dearest step's memory. Every state that one of the steps leaves on the device, such as
        momentum, is there in all of them.
    """
    subspace = subspace.as_subspace() if isinstance(subspace, Architecture) else subspace
    kinds = tuple(kinds)
    if subspace.num_architectures == 1:
        kinds = tuple(kind for kind in kinds if kind is not StepKind.ARCHITECTURE)
    device = spec.device
    with FakeTensorMode(), without_collector():
        with building(device):
            supernet = Supernet(
                space,
                subspace,
                spec.relaxation,
                optimizer=spec.optimizer,
                architecture_optimizer=spec.architecture_optimizer,
                recompute=levers.recompute,
                device=device,
            )
        example_B = torch.empty(spec.batch_size, *spec.input_shape, device=device)
        if example_B.dim() == 4:
            example_B = example_B.contiguous(memory_format=torch.channels_last)
        label_B = torch.zeros(spec.batch_size, dtype=torch.int64, device=device)
        memories = []
        for kind in kinds:
            with track(supernet, (example_B, label_B)) as tracker:
                run_step(kind, supernet, example_B, label_B, spec.precision, levers.micro_batches)
            memories.append(StepMemory(tracker.peak_bytes, tracker.breakdown))
    return max(memories, key=lambda memory: memory.peak_bytes)


@contextmanager
def without_collector() -> Iterator[None]:
    """Within, Python looks for no reference cycles, of which a trace has none, among its objects.

    Looking through the hundred thousands of them would be a good part of the time.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def run_step(
    kind: StepKind,
    supernet: Supernet,
    example_B: Tensor,
    label_B: Tensor,
    precision: Precision = "32-true",
    micro_batches: int = 1,
) -> Tensor:
    """Runs a step of one kind; returns its loss or, for an evaluation, its outputs."""
    if kind is StepKind.EVALUATION:
        return evaluation_step(supernet, example_B, precision=precision)
    step = architecture_step if kind is StepKind.ARCHITECTURE else weights_step
    return step(supernet, example_B, label_B, precision=precision, micro_batches=micro_batches)


def track(supernet: Supernet, batch: Iterable[Tensor]) -> MemoryTracker:
    """A tracker that knows what a supernet has on the device before a step."""
    optimizers = [*supernet.weight_optimizers(), supernet.architecture_optimizer]
    batch = list(batch)
    return MemoryTracker(
        {
            Part.PARAMETERS: [*supernet.parameters(), *supernet.buffers()],
            Part.OPTIMIZER_STATE: [
                tensor for optimizer in optimizers for tensor in state_tensors(optimizer)
            ],
            Part.ACTIVATIONS: batch,
        },
        batch[0].device,
    )
