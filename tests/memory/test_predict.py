import itertools
import tracemalloc
from dataclasses import replace

import pytest
import torch
from tests.tiny import shared_space, tiny_space, wide_space, zoo_space
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor

from radars.memory import PLAIN, MemorySavings, StepMemory, TrainingSpec, measure, predict
from radars.memory.predict import run_step
from radars.nn.optimizer import OptimizerConfig
from radars.nn.relaxation import GumbelSoftmax
from radars.nn.steps import Precision, StepKind
from radars.nn.supernet import Supernet
from radars.space import Architecture, Choose, SearchSpace, Subspace

SGD = OptimizerConfig()
ADAMW = OptimizerConfig(name="adamw", learning_rate=1e-3)
TINY = tiny_space()
DIGITS = zoo_space("digits")
MIXED = Subspace({"a": ("none", "mb2"), "b": ("conv3",), "c": ("conv3", "mb2")})


def measured(
    space: SearchSpace,
    subspace: Subspace | Architecture,
    spec: TrainingSpec,
    kind: StepKind,
    *,
    savings: MemorySavings = PLAIN,
    kinds: tuple[StepKind, ...] | None = None,
) -> int:
    """The peak of a real step, the second one: the first makes the optimizers' state."""
    supernet = Supernet(
        space,
        subspace.as_subspace() if isinstance(subspace, Architecture) else subspace,
        spec.relaxation,
        optimizer=spec.optimizer,
        architecture_optimizer=spec.architecture_optimizer,
        savings=savings,
    )
    example_B = torch.randn(spec.batch_size, *spec.input_shape)
    example_B = example_B.contiguous(memory_format=torch.channels_last)
    label_B = torch.arange(spec.batch_size) % 4

    batch = [example_B, label_B]
    if kind is StepKind.SECOND_ORDER:
        batch += [example_B.clone(), label_B.clone()]

    def step(kind: StepKind) -> Tensor:
        return run_step(kind, supernet, batch, spec.precision, savings.micro_batches)

    for earlier in kinds or (kind,):
        step(earlier)
    _, peak_bytes = measure(lambda: step(kind), supernet, batch)
    return peak_bytes


@pytest.mark.parametrize("kind", StepKind)
@pytest.mark.parametrize(
    "savings",
    [PLAIN, MemorySavings(recompute=1.0), MemorySavings(selective=1.0)],
    ids=["plain", "recompute", "selective"],
)
@pytest.mark.parametrize(
    ("optimizer", "precision", "batch_size"),  # every two of them together
    [
        (SGD, "32-true", 8),
        (SGD, "bf16-mixed", 32),
        (ADAMW, "32-true", 32),
        (ADAMW, "bf16-mixed", 8),
    ],
)
def test_a_prediction_is_what_is_measured(
    kind: StepKind,
    savings: MemorySavings,
    optimizer: OptimizerConfig,
    precision: Precision,
    batch_size: int,
) -> None:
    spec = TrainingSpec((1, 8, 8), batch_size, optimizer, precision=precision)
    predicted = predict(TINY, TINY.full, spec, kinds=[kind], savings=savings)
    real_bytes = measured(TINY, TINY.full, spec, kind, savings=savings)
    assert predicted.peak_bytes == pytest.approx(real_bytes, rel=1e-3)
    assert predicted.breakdown.total == predicted.peak_bytes


@pytest.mark.parametrize(
    "savings",
    [
        PLAIN,
        MemorySavings(recompute=0.5),
        MemorySavings(selective=0.5),
        MemorySavings(recompute=0.5, selective=1.0),
    ],
    ids=lambda savings: "-".join(savings.names) or "plain",
)
@pytest.mark.parametrize(
    ("space", "subspace", "batch_size"),
    [
        (TINY, MIXED, 16),
        (TINY, Architecture({"a": "mb2", "b": "none", "c": "conv3"}), 16),
        (shared_space(), shared_space().full, 16),
        (DIGITS, Subspace(dict.fromkeys(DIGITS.full, ("skip", "mb4_k3"))), 8),
        (DIGITS, Architecture(dict.fromkeys(DIGITS.full, "mb4_k3")), 64),
        (DIGITS, Architecture(dict.fromkeys(DIGITS.full, "skip")), 64),
    ],
    ids=["subspace", "path", "shared", "digits", "digits-largest", "digits-smallest"],
)
def test_predictions_of_subspaces_and_paths(
    space: SearchSpace, subspace: Subspace | Architecture, batch_size: int, savings: MemorySavings
) -> None:
    spec = TrainingSpec((1, 8, 8), batch_size)
    predicted = predict(space, subspace, spec, savings=savings)
    single = isinstance(subspace, Architecture)
    kinds = (StepKind.WEIGHTS,) if single else (StepKind.WEIGHTS, StepKind.ARCHITECTURE)
    real_bytes = max(
        measured(space, subspace, spec, kind, savings=savings, kinds=kinds) for kind in kinds
    )
    assert predicted.peak_bytes == pytest.approx(real_bytes, rel=1e-3)


@pytest.mark.parametrize(
    "kind",
    [
        StepKind.WEIGHTS,
        StepKind.ARCHITECTURE,
        pytest.param(StepKind.SECOND_ORDER, marks=pytest.mark.slow),
    ],
)
def test_a_prediction_of_blocks_in_parts_of_their_channels(kind: StepKind) -> None:
    space, spec = wide_space(), TrainingSpec((1, 8, 8), 32)

    def peak(savings: MemorySavings) -> int:
        return predict(space, space.full, spec, kinds=[kind], savings=savings).peak_bytes

    some, all_ = (MemorySavings(recompute=1.0, split_channels=part) for part in (0.25, 1.0))
    for savings in (some, all_):
        real_bytes = measured(space, space.full, spec, kind, savings=savings)
        assert peak(savings) == pytest.approx(real_bytes, rel=5e-3)
    assert peak(all_) < peak(some) <= peak(MemorySavings(recompute=1.0))
    assert peak(all_) < 0.7 * peak(MemorySavings(recompute=1.0))


def test_a_prediction_with_noise_in_the_relaxation() -> None:
    spec = TrainingSpec((1, 8, 8), 8, relaxation=GumbelSoftmax())
    predicted = predict(TINY, TINY.full, spec, kinds=[StepKind.WEIGHTS])
    assert predicted.peak_bytes == pytest.approx(
        measured(TINY, TINY.full, spec, StepKind.WEIGHTS), rel=1e-3
    )


@pytest.mark.parametrize(
    ("space", "batch_size"),
    [
        (TINY, 2),
        (TINY, 256),
        (DIGITS, 2),
        (DIGITS, 256),
        (zoo_space("nasbench-macro", width=8), 2),
        (zoo_space("nasbench201", width=4, cells_per_stage=1), 256),
    ],
    ids=lambda value: str(getattr(value, "name", value)),
)
def test_an_architecture_step_that_is_not_traced_is_not_the_dearest(
    space: SearchSpace, batch_size: int
) -> None:
    assert space.input_shape is not None
    spec = TrainingSpec(space.input_shape, batch_size, ADAMW)
    savings = MemorySavings(recompute=True)
    whole = predict(space, space.full, spec, savings=savings)
    alone = [
        predict(space, space.full, spec, kinds=[kind], savings=savings).peak_bytes
        for kind in spec.training_kinds
    ]
    assert whole.peak_bytes == max(alone)


def test_a_path_has_no_architecture_step() -> None:
    path = Architecture(dict.fromkeys(TINY.full, "mb2"))
    spec = TrainingSpec((1, 8, 8), 8)
    assert predict(TINY, path, spec) == predict(TINY, path, spec, kinds=[StepKind.WEIGHTS])


def test_levers_and_settings_do_what_they_should() -> None:
    def peak(subspace: Subspace, spec: TrainingSpec, recompute: bool = False) -> StepMemory:
        return predict(TINY, subspace, spec, savings=MemorySavings(recompute=recompute))

    spec = TrainingSpec((1, 8, 8), 32)
    plain = peak(TINY.full, spec)
    assert peak(TINY.full, spec, recompute=True).peak_bytes < 0.6 * plain.peak_bytes
    assert peak(MIXED, spec).peak_bytes < plain.peak_bytes
    assert peak(TINY.full, TrainingSpec((1, 8, 8), 64)).peak_bytes > 1.8 * plain.peak_bytes
    adamw = peak(TINY.full, TrainingSpec((1, 8, 8), 32, ADAMW)).breakdown
    assert adamw.optimizer_state > 1.9 * plain.breakdown.optimizer_state
    half = peak(TINY.full, TrainingSpec((1, 8, 8), 32, precision="bf16-mixed"))
    assert half.peak_bytes < plain.peak_bytes


def test_nothing_is_allocated_and_no_step_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Tensor] = []

    class Spy(nn.Conv2d):
        def forward(self, image: Tensor) -> Tensor:
            seen.extend([image, self.weight])
            return super().forward(image)

    def network(choose: Choose) -> nn.Module:
        return nn.Sequential(
            choose("a", {"conv": lambda: Spy(1, 64, 3), "same": lambda: Spy(1, 64, 3)}),
            nn.Flatten(),
            nn.Linear(64 * 30 * 30, 1000),
        )

    space = SearchSpace(network, name="spied")
    tracemalloc.start()
    try:
        memory = predict(space, space.full, TrainingSpec((1, 32, 32), 4096))
        _, peak_python_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert memory.peak_bytes > 10**9
    assert peak_python_bytes < 5 * 10**7
    assert seen
    assert all(isinstance(tensor, FakeTensor) for tensor in seen)


def test_a_prediction_leaves_randomness_and_settings_alone() -> None:
    def network(choose: Choose) -> nn.Module:
        return nn.Sequential(
            nn.Flatten(),
            nn.Linear(64, 8),
            nn.Dropout(0.5),
            choose("a", {"none": nn.Identity, "noisy": lambda: nn.RReLU()}),
            nn.Linear(8, 4),
        )

    space = SearchSpace(network)
    torch.manual_seed(3)
    before = torch.get_rng_state()
    for recompute, kinds in itertools.product([False, True], [tuple(StepKind)]):
        spec = TrainingSpec((1, 8, 8), 4, relaxation=GumbelSoftmax(), precision="bf16-mixed")
        predict(space, space.full, spec, kinds=kinds, savings=MemorySavings(recompute=recompute))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.is_grad_enabled()
    assert not isinstance(torch.zeros(1), FakeTensor)


@pytest.mark.parametrize("optimizer", [SGD, ADAMW], ids=["sgd", "adamw"])
def test_a_gpu_rounds_up_to_its_blocks(optimizer: OptimizerConfig) -> None:
    on_cpu = predict(TINY, TINY.full, TrainingSpec((1, 8, 8), 32, optimizer))
    on_gpu = predict(TINY, TINY.full, TrainingSpec((1, 8, 8), 32, optimizer, device_type="cuda"))
    assert on_gpu.peak_bytes > on_cpu.peak_bytes
    assert on_gpu.peak_bytes % 512 == 0


@pytest.mark.parametrize("kind", [StepKind.WEIGHTS, StepKind.ARCHITECTURE])
@pytest.mark.parametrize("recompute", [False, True], ids=["plain", "recompute"])
@pytest.mark.parametrize("micro_batches", [2, 3, 8])
def test_a_split_batch_holds_what_is_predicted_and_less(
    kind: StepKind, recompute: bool, micro_batches: int
) -> None:
    spec = TrainingSpec((1, 8, 8), 32)
    savings = MemorySavings(recompute, micro_batches=micro_batches)
    predicted = predict(TINY, TINY.full, spec, kinds=[kind], savings=savings)
    real_bytes = measured(TINY, TINY.full, spec, kind, savings=savings)
    assert predicted.peak_bytes == real_bytes
    whole = predict(TINY, TINY.full, spec, kinds=[kind], savings=MemorySavings(recompute))
    assert predicted.peak_bytes < whole.peak_bytes


def test_what_a_batch_holds_on_its_way_to_a_gpu_counts_where_it_is_the_most() -> None:
    spec, path = TrainingSpec((1, 8, 8), 16), Architecture(dict.fromkeys(TINY.full, "mb2"))
    plain_bytes = predict(TINY, path, spec).peak_bytes
    assert predict(TINY, path, replace(spec, arrival_bytes=64)).peak_bytes == plain_bytes
    first, second = (
        predict(TINY, path, replace(spec, arrival_bytes=number * plain_bytes)).peak_bytes
        for number in (1, 2)
    )
    assert plain_bytes < first
    assert second - first == 16 * plain_bytes
