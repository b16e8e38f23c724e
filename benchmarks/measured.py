"""What the benchmarks of memory share: what is trained, and the measured peak of a real step."""

from functools import partial

import torch

from radars.memory import PLAIN, MemorySavings, TrainingSpec, measure
from radars.memory.predict import run_step
from radars.nn.steps import StepKind
from radars.nn.supernet import Supernet
from radars.space import SearchSpace, Subspace


def live_of(space: SearchSpace) -> dict[str, Subspace]:
    """What is trained, by name; of a space of values a path, as the rest is drawn there."""
    path = {choice: names[-1] for choice, names in space.full.items()}
    live = {"path": space.made(path).as_subspace()}
    if space.is_modular:
        live["two candidates"] = Subspace({choice: of[-2:] for choice, of in space.full.items()})
    return live


def peak_of(
    space: SearchSpace,
    subspace: Subspace,
    spec: TrainingSpec,
    kind: StepKind,
    savings: MemorySavings = PLAIN,
    device: torch.device | str = "cpu",
) -> int:
    """The most that a step holds, in bytes: on the CPU of all tensors, on CUDA of the allocator."""
    supernet = Supernet(
        space, subspace, spec.relaxation, optimizer=spec.optimizer, savings=savings, device=device
    )
    example_B = torch.randn(spec.batch_size, *spec.input_shape, device=device)
    example_B = example_B.contiguous(memory_format=torch.channels_last)
    batch = [example_B, torch.zeros(spec.batch_size, dtype=torch.int64, device=device)]
    if kind is StepKind.SECOND_ORDER:
        batch += [tensor.clone() for tensor in batch]
    return measure(partial(run_step, kind, supernet, batch, spec.precision), supernet, batch)[1]
