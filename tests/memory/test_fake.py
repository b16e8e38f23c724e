from collections.abc import Callable

import pytest
import torch
from tests.tiny import zoo_space
from torch import Tensor
from torch._subclasses.fake_tensor import DataDependentOutputException

from radars.memory import MemorySavings, TrainingSpec, fake, predict
from radars.memory.fake import tracing
from radars.nn.optimizer import OptimizerConfig
from radars.nn.steps import Precision, StepKind
from radars.space import Subspace

Description = list[tuple[object, ...]]


def described(returned: object, among: tuple[Tensor, ...]) -> Description:
    """All that a step can tell of tensors, and which of the others they share memory with."""
    several = returned if isinstance(returned, list | tuple) else [returned]
    return [
        (
            *(tuple(tensor.shape), tensor.stride(), tensor.storage_offset()),
            *(tensor.dtype, tensor.device, tensor.untyped_storage().nbytes()),
            *(tensor.untyped_storage()._cdata == each.untyped_storage()._cdata for each in among),
            *(tensor is each for each in among),
        )
        for tensor in several or ()
        if isinstance(tensor, Tensor)
    ]


OPERATIONS: dict[str, Callable[[Tensor, Tensor], object]] = {
    "new": lambda left, right: left @ right,
    "broadcast": lambda left, right: left + right[0],
    "into a transposed one": lambda left, right: torch.relu(left.t()),
    "in place": lambda left, right: left.mul_(right),
    "in place, of a part": lambda left, right: left[1:3].add_(1),
    "view": lambda left, right: left[2:, 1:],
    "view of a view": lambda left, right: left[1:][1:].t()[1:],
    "absolute view": lambda left, right: left[1:].as_strided((2, 2), (2, 1), 3),
    "view as bytes": lambda left, right: left.view(torch.uint8),
    "expanded": lambda left, right: left[:1].expand(5, 4),
    "several": lambda left, right: torch.var_mean(left, 1),
    "several views": lambda left, right: torch.split(left, 2),
    "turned in place": lambda left, right: left.t_(),
    "made larger in place": lambda left, right: right.resize_(9, 9),
    "list": lambda left, right: torch._foreach_mul([left, right], 2.0),
    "list in place": lambda left, right: torch._foreach_add_([left, right], 1.0),
    "of an integer": lambda left, right: torch.full((2,), 1),
    "of a truth value": lambda left, right: torch.full((2,), True),
    "of a float": lambda left, right: torch.full((2,), 1.0),
    "of a type": lambda left, right: torch.zeros_like(left, dtype=torch.float64),
    "bits": lambda left, right: left > right,
    "complex": lambda left, right: torch.complex(left, right).conj().imag,
    "known value": lambda left, right: torch.tensor(3) + torch.tensor(4),
    "said to be a copy": lambda left, right: torch.channel_shuffle(right.view(1, 4, 2, 2), 4),
    "a copy of all": lambda left, right: torch.channel_shuffle(right.view(1, 4, 2, 2), 1),
    "a product": lambda left, right: right.view(1, 4, 4) @ right,
    "into a part": lambda left, right: torch.add(left, right, out=left),
    "into a whole": lambda left, right: torch.add(left, left, out=right),
    "of a list": lambda left, right: torch.ops.aten.stack([left, right]),
    "of two that share": lambda left, right: torch.cat([left, left[:1]]),
    "random": lambda left, right: torch.nn.functional.dropout(left, 0.5),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_returns_what_it_does_on_real_tensors(name: str) -> None:
    def run() -> Description:
        base = torch.empty(5, 6)
        left, right = base[1:, 2:], torch.empty(4, 4)
        return described(OPERATIONS[name](left, right), (base, left, right))

    expected = run()
    with tracing():
        assert [run(), run()] == [expected, expected]


def test_devices_count() -> None:
    with tracing():
        for device in ("cuda", "cpu", "cuda", "cpu"):
            assert (torch.empty(3, device=device) * 2).device.type == device


def test_numbers_of_one_value_and_several_types_are_told_apart() -> None:
    with tracing():
        count = torch.empty(3, dtype=torch.int64)
        for _ in range(2):
            assert [(count * 1).dtype, (count * 1.0).dtype] == [torch.int64, torch.float32]
            assert (count * True).dtype is torch.int64


def test_default_type_and_inference_mode_count() -> None:
    with tracing():
        assert torch.empty(2).dtype is torch.float32
        torch.set_default_dtype(torch.float64)
        try:
            assert torch.empty(2).dtype is torch.float64
        finally:
            torch.set_default_dtype(torch.float32)
        torch.empty(2)
        with torch.inference_mode():
            assert torch.empty(2).is_inference()


def test_values_are_neither_known_nor_made_up() -> None:
    with tracing():
        for _ in range(2):
            assert int(torch.tensor(3)) == 3
            with pytest.raises(DataDependentOutputException):
                (torch.empty(2).sum() * 2).item()


def test_tensors_of_another_trace_are_refused() -> None:
    with tracing():
        other, _ = torch.empty(2), torch.empty(2) + torch.empty(2)
    with tracing(), pytest.raises(AssertionError, match="fake mode"):
        other + other


@pytest.mark.slow
@pytest.mark.parametrize(("name", "precision"), [("digits", "32-true"), ("vit", "bf16-mixed")])
def test_a_step_is_the_same_as_on_tensors_that_remember_nothing(
    name: str, precision: Precision, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = zoo_space(name)
    assert space.input_shape is not None
    two = Subspace({choice: names[-2:] for choice, names in space.full.items()})
    optimizer = OptimizerConfig(name="adamw", learning_rate=1e-3)
    spec = TrainingSpec(space.input_shape, 4, optimizer, precision=precision)
    kinds = (StepKind.WEIGHTS, StepKind.ARCHITECTURE, StepKind.EVALUATION)
    in_parts = MemorySavings(recompute=1.0, micro_batches=2, split_channels=1.0)
    for savings in (MemorySavings(selective=1.0), in_parts):
        for kind in kinds:
            remembered = predict(space, two, spec, kinds=[kind], savings=savings)
            with monkeypatch.context() as patch:
                patch.setattr(fake, "_RememberingMode", fake._CorrectedMode)
                assert predict(space, two, spec, kinds=[kind], savings=savings) == remembered


@pytest.mark.parametrize(
    ("dtype", "weight_dtype"),
    [
        (torch.float32, torch.float32),
        (torch.float32, None),
        (torch.bfloat16, torch.float32),
        (torch.bfloat16, torch.bfloat16),
        (torch.bfloat16, None),
    ],
)
@pytest.mark.parametrize(
    "normalise",
    [
        lambda image, weight: torch.native_batch_norm(
            image, weight, weight, None, None, True, 0.1, 1e-5
        ),
        lambda image, weight: torch.native_layer_norm(image, [8], weight, weight, 1e-5),
        lambda image, weight: torch.native_group_norm(image, weight, weight, 4, 8, 64, 2, 1e-5),
    ],
    ids=["batch", "layer", "group"],
)
def test_normalisations_keep_statistics_of_the_types_that_real_ones_have(
    normalise: Callable[[Tensor, Tensor | None], tuple[Tensor, ...]],
    weight_dtype: torch.dtype | None,
    dtype: torch.dtype,
) -> None:
    def types() -> list[torch.dtype]:
        weight = None if weight_dtype is None else torch.ones(8, dtype=weight_dtype)
        returned = normalise(torch.ones(4, 8, 8, 8, dtype=dtype), weight)
        again = normalise(torch.ones(4, 8, 8, 8, dtype=dtype), weight)
        assert [each.dtype for each in again] == [each.dtype for each in returned]
        return [each.dtype for each in returned]

    with tracing():
        fake_types = types()
    assert fake_types == types()
