import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from radars.memory import Breakdown, MemoryTracker, Part
from radars.memory.allocation_order import AllocationOrder

CPU = torch.device("cpu")
KILO = 1000  # float32 elements; 4,000 bytes


def tracker(**resident: list[Tensor]) -> MemoryTracker:
    return MemoryTracker({Part(part): tensors for part, tensors in resident.items()}, CPU)


def test_what_is_there_before_counts_and_is_the_first_peak() -> None:
    weight = nn.Parameter(torch.zeros(KILO))
    example = torch.zeros(10)
    known = tracker(parameters=[weight], activations=[example])
    assert known.now_bytes == known.peak_bytes == 4040
    assert known.breakdown == Breakdown(parameters=4000, activations=40)
    assert known.breakdown.total == 4040


def test_tensors_come_and_go_and_the_peak_is_remembered() -> None:
    with tracker() as known:
        first = torch.zeros(KILO)
        assert known.now_bytes == 4000
        second = first + 1
        assert known.now_bytes == 8000
        del second
        assert known.now_bytes == 4000
        third = torch.ones(10)
        assert known.now_bytes == 4040
    assert known.peak_bytes == 8000
    del first, third
    assert known.now_bytes == 0


def test_views_and_operations_in_place_take_nothing() -> None:
    with tracker() as known:
        whole = torch.zeros(KILO)
        part = whole[:10].view(2, 5).t()
        whole.add_(1).mul_(2)
        same = whole.detach().reshape(10, 100)
        assert known.now_bytes == known.peak_bytes == 4000
        del whole
        assert known.now_bytes == 4000  # the views hold all of it
        del part, same
        assert known.now_bytes == 0


def test_a_view_of_a_resident_tensor_is_known() -> None:
    weight = nn.Parameter(torch.zeros(KILO))
    with tracker(parameters=[weight]) as known:
        weight.detach()[:3].zero_()
    assert known.peak_bytes == 4000


def test_tensors_of_other_devices_do_not_count() -> None:
    with tracker() as known:
        torch.zeros(KILO, device="meta") + 1
    assert known.peak_bytes == 0


def test_a_step_that_can_be_counted_by_hand() -> None:
    # loss = sum(tanh(x * w)): the product and the tanh are alive when backward begins
    weight = nn.Parameter(torch.ones(KILO))
    example = torch.ones(KILO)
    with tracker(parameters=[weight], activations=[example]) as known:
        output = (example * weight).tanh()
        assert known.now_bytes == 4 * 3 * KILO  # the product is freed, tanh keeps its output
        loss = output.sum()
        del output
        assert known.now_bytes == 4 * 3 * KILO + 4
        loss.backward()  # type: ignore[no-untyped-call]
        assert weight.grad is not None
        assert known.now_bytes == 4 * 3 * KILO + 4  # the gradient in place of the tanh
        del loss
        weight.grad = None
    assert known.now_bytes == 4 * 2 * KILO
    forward_peak = 4 * 4 * KILO
    # weight, example, tanh, its gradient and at most one more while the chain rule is applied
    assert forward_peak <= known.peak_bytes <= forward_peak + 4 * KILO + 8


def test_parts() -> None:
    weight = nn.Parameter(torch.ones(KILO))
    example = torch.ones(KILO)
    momentum = torch.zeros(KILO)
    with tracker(parameters=[weight], activations=[example], optimizer_state=[momentum]) as known:
        loss = (example * weight).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        with torch.no_grad():
            large = torch.zeros(100 * KILO)
    assert known.breakdown.parameters == known.breakdown.gradients == 4000
    assert known.breakdown.optimizer_state == 4000
    assert known.breakdown.temporaries == 400_000
    assert known.breakdown.activations == 4000 + 4  # the loss
    assert known.breakdown.total == known.peak_bytes
    del large


def test_hooks_are_taken_off_again() -> None:
    weight = nn.Parameter(torch.ones(3))
    with tracker(parameters=[weight]) as known:
        pass
    before = known.now_bytes
    weight.sum().backward()  # type: ignore[no-untyped-call]
    assert known.now_bytes == before


def test_fake_tensors_count_alike() -> None:
    def step(device: torch.device) -> tuple[int, Breakdown]:
        layer = nn.Linear(30, 40, device=device)
        example = torch.ones(7, 30, device=device)
        with tracker(parameters=list(layer.parameters()), activations=[example]) as known:
            layer(example).relu().sum().backward()
        return known.peak_bytes, known.breakdown

    real = step(CPU)
    with FakeTensorMode():
        fake = step(CPU)
    assert fake == real


def test_the_order_of_what_comes_and_goes_is_written_down() -> None:
    weight = torch.zeros(KILO)
    order = AllocationOrder()
    with MemoryTracker({Part.PARAMETERS: [weight]}, CPU, order=order) as known:
        first = weight + 1
        second = torch.ones(10)
        del first
        view = second[:5]
        third = view + 1
        del second, view
        del weight
    (name,) = order.resident
    assert order.resident[name] == 4000
    events = [(-1, 4000), (-2, 40), (-1, None), (-3, 20), (-2, None), (name, None)]
    assert order.events == events
    del third
    assert known.now_bytes == 0
    assert order.events == events  # what goes later is not of it


def test_a_gpu_rounds_up_to_its_blocks() -> None:
    with FakeTensorMode():
        tensors = [torch.empty(1, device="cuda"), torch.empty(129, device="cuda")]
        known = MemoryTracker({Part.PARAMETERS: tensors}, torch.device("cuda", 0))
    assert known.now_bytes == 512 + 1024
    small = {Part.PARAMETERS: [torch.empty(1), torch.empty(129)]}
    assert MemoryTracker(small, CPU, "cuda").now_bytes == 512 + 1024


@pytest.mark.parametrize("size", [0, 1, 5])
def test_sizes(size: int) -> None:
    with tracker() as known:
        kept = torch.zeros(size, dtype=torch.float64)
        assert known.now_bytes == 8 * size
    del kept
