"""What selective recomputation changes: the bytes that a forward pass keeps, and nothing else."""

import copy
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from tests.tiny import zoo_space
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.checkpoint import checkpoint
from torchvision.models.resnet import BasicBlock

from radars.memory.tracker import MemoryTracker, Part
from radars.nn.memory_saving.savings import PLAIN, MemorySavings
from radars.nn.memory_saving.selective_checkpointing import all_kept, selective
from radars.nn.operations import conv_bn_relu, mbconv
from radars.nn.supernet import Supernet


class Written(nn.Module):
    """A network whose forward pass is a function of a convolution and a BatchNorm."""

    def __init__(self, function: Callable[[Any, Any, Tensor], Tensor]) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(8, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.function = function

    def forward(self, image: Tensor) -> Tensor:
        return self.function(self.convolution, self.norm, image)


def activated(activation: Callable[[Tensor], Tensor]) -> Written:
    return Written(lambda conv, norm, image: conv(activation(norm(conv(image)))))


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "inverted residual": lambda: mbconv(8, 8, 3, 4),
    "squeeze-and-excitation": lambda: mbconv(8, 12, 5, 4, 2, squeeze_excite=True),
    "residual": lambda: nn.Sequential(*(BasicBlock(8, 8) for _ in range(3))),
    "activation first": lambda: nn.Sequential(
        conv_bn_relu(8, 8),
        *(
            Written(lambda conv, norm, image: conv(torch.relu(norm(image))) + image)
            for _ in range(3)
        ),
    ),
    "one map, two convolutions": lambda: Written(
        lambda conv, norm, image: (lambda map_: conv(map_) + conv(map_))(norm(conv(image)).relu())
    ),
    "without affine": lambda: nn.Sequential(
        nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8, affine=False), nn.ReLU(), nn.Conv2d(8, 8, 3)
    ),
    "silu": lambda: activated(functional.silu),
    "silu in place": lambda: activated(nn.SiLU(inplace=True)),
    "gelu": lambda: activated(nn.GELU(approximate="tanh")),
    "hardswish": lambda: activated(nn.Hardswish()),
    "relu6 in place": lambda: activated(nn.ReLU6(inplace=True)),
    "relu6 in place of what is kept": lambda: Written(
        lambda conv, norm, image: conv(nn.ReLU6(inplace=True)(conv(norm(image))))
    ),
    "in place beside another": lambda: activated(
        lambda map_: functional.silu(map_) + nn.ReLU6(inplace=True)(map_ * 2)
    ),
    "times one": lambda: activated(lambda map_: map_.mul(True).add(map_, alpha=2)),
    "convolution and norm by name": lambda: Written(
        lambda conv, norm, image: functional.conv2d(
            input=functional.batch_norm(
                input=conv(image),
                running_mean=None,
                running_var=None,
                weight=norm.weight,
                training=True,
            ).relu(),
            weight=conv.weight,
        )
    ),
    "by name": lambda: activated(lambda map_: torch.mul(map_, other=map_)),
    "hardtanh": lambda: activated(nn.Hardtanh(-0.5, 0.7)),
    "tensor methods": lambda: activated(lambda map_: map_.mul(2).add_(0.1).relu_()),
    "by itself": lambda: activated(lambda map_: map_ * map_),
    "added to what it is made from": lambda: activated(lambda map_: map_.relu() + map_),
    "scaled": lambda: activated(lambda map_: torch.add(map_, map_, alpha=0.3)),
    "relu of what is kept": lambda: Written(lambda conv, norm, image: conv(conv(image).relu())),
    "its own checkpoint": lambda: Written(
        lambda conv, norm, image: conv(
            checkpoint(lambda map_: norm(map_).relu_(), conv(image), use_reentrant=False).relu()
        )
    ),
}


@pytest.fixture(params=NETWORKS)
def network(request: pytest.FixtureRequest) -> nn.Module:
    torch.manual_seed(0)
    made = NETWORKS[request.param]().double().train()
    for layer in made.modules():
        if isinstance(layer, nn.BatchNorm2d) and layer.affine:
            nn.init.normal_(layer.weight, 1.0, 0.3)
            nn.init.normal_(layer.bias, 0.0, 0.3)
    return made


def gradients(
    network: nn.Module, *, is_selective: bool, times: int = 1
) -> tuple[Tensor, list[Tensor]]:
    """The output, and gradients of the input and what is trained."""
    generator = torch.Generator().manual_seed(1)
    image = torch.randn(4, 8, 9, 9, dtype=torch.float64, generator=generator, requires_grad=True)
    with selective() if is_selective else nullcontext():
        output = network(image)
    direction = torch.linspace(-1, 1, output.numel(), dtype=output.dtype).view_as(output)
    for time in range(times):
        output.backward(direction, retain_graph=time + 1 < times)
    trained = [image, *(weight for weight in network.parameters() if weight.requires_grad)]
    return output, [leaf.grad for leaf in trained if leaf.grad is not None]


@pytest.mark.parametrize("is_frozen", [False, True], ids=["trained", "frozen"])
def test_outputs_gradients_and_statistics_are_those_without(
    network: nn.Module, is_frozen: bool
) -> None:
    network.requires_grad_(not is_frozen)
    other = copy.deepcopy(network)
    plain, cheap = gradients(network, is_selective=False), gradients(other, is_selective=True)
    assert torch.equal(plain[0], cheap[0])
    for left, right in zip(plain[1], cheap[1], strict=True):
        scale = float(left.abs().max())
        assert torch.allclose(left, right, rtol=0, atol=1e-12 * max(scale, 1.0))
    assert any(float(gradient.abs().max()) > 0.01 for gradient in plain[1])
    for left, right in zip(network.buffers(), other.buffers(), strict=True):
        assert torch.equal(left, right)


def test_a_graph_can_be_gone_through_twice(network: nn.Module) -> None:
    other = copy.deepcopy(network)
    once, twice = (
        gradients(each, is_selective=True, times=times)[1]
        for each, times in ((network, 1), (other, 2))
    )
    for left, right in zip(once, twice, strict=True):
        assert torch.allclose(2 * left, right, rtol=1e-12, atol=1e-12)


def test_it_ends_with_the_forward_pass() -> None:
    with selective():
        pass
    packed: list[Tensor] = []

    def pack(tensor: Tensor) -> Tensor:
        packed.append(tensor)
        return tensor

    image = torch.ones(2, requires_grad=True)
    with saved_tensors_hooks(pack, lambda tensor: tensor):
        image.relu().mul(image)
    assert len(packed) == 3


def kept_bytes(network: nn.Module, image: Tensor, *, is_selective: bool) -> int:
    """What a forward pass leaves on the device."""
    resident = {Part.PARAMETERS: [*network.parameters(), *network.buffers(), image]}
    with MemoryTracker(resident, image.device) as tracker:
        before_bytes = tracker.now_bytes
        with selective() if is_selective else nullcontext():
            output = network(image)
        assert output.requires_grad
        return int(tracker.now_bytes) - int(before_bytes)


MAPS = {  # batches of 4 images of 9x9 in float64: channels that are kept beside the output's
    "inverted residual": (4 * 32 + 8, 32 + 8),  # its input is there
    "residual": (3 * 4 * 8 - 8, 3 * 2 * 8 + 8),  # what a block returns is kept once in two
    "silu": (3 * 8, 8),
    "relu of what is kept": (8, 8),
}


@pytest.mark.parametrize("name", MAPS)
def test_maps_that_are_cheap_are_not_kept(name: str) -> None:
    network, image = NETWORKS[name]().double().train(), torch.randn(4, 8, 9, 9).double()
    image.requires_grad_()
    channel_bytes = 4 * 9 * 9 * 8
    plain, cheap = (
        kept_bytes(network, image, is_selective=is_selective) / channel_bytes - 8
        for is_selective in (False, True)
    )
    # with statistics of each channel
    assert (round(plain), round(cheap)) == MAPS[name]


@pytest.mark.parametrize(
    ("convolution", "is_kept"),
    [
        (nn.Conv2d(8, 8, 1), False),
        (nn.Conv2d(8, 16, 1), False),
        (nn.Conv2d(8, 16, 1, bias=False), False),
        (nn.Conv2d(64, 64, 1), False),
        (nn.Conv2d(65, 65, 1), True),  # takes longer
        (nn.Conv2d(8, 4, 1), True),  # what it reads is more than what it returns
        (nn.Conv2d(8, 16, 1, stride=2), True),
        (nn.Conv2d(8, 16, 1, groups=2), True),
        (nn.Conv2d(8, 16, (1, 3)), True),
    ],
    ids=str,
)
@pytest.mark.parametrize("is_frozen", [False, True], ids=["trained", "frozen"])
def test_of_convolutions_those_of_few_single_pixels_are_run_again(
    convolution: nn.Conv2d, is_kept: bool, is_frozen: bool
) -> None:
    norm = nn.BatchNorm2d(convolution.out_channels).train()
    network = nn.Sequential(convolution, norm).requires_grad_(not is_frozen)
    image = torch.randn(4, convolution.in_channels, 9, 9, requires_grad=True)
    output_bytes = network(image).nbytes
    kept = kept_bytes(network, image, is_selective=True) / output_bytes - 1
    assert kept == pytest.approx(float(is_kept), abs=0.05)


def test_what_is_left_alone_keeps_all() -> None:
    image = torch.randn(4, 8, 9, 9, requires_grad=True)
    network = mbconv(8, 8, 3, 4).train()

    class LeftAlone(nn.Sequential):
        def forward(self, image: Tensor) -> Tensor:
            with all_kept():
                return super().forward(image)  # type: ignore[no-any-return, no-untyped-call]

    plain, cheap = (kept_bytes(network, image, is_selective=on) for on in (False, True))
    assert cheap < 0.5 * plain
    assert kept_bytes(LeftAlone(network), image, is_selective=True) == plain
    behind_it = nn.Sequential(LeftAlone(network), network)
    assert kept_bytes(behind_it, image, is_selective=True) == pytest.approx(plain + cheap, rel=0.1)


def test_a_convolution_with_frozen_weights_keeps_no_input() -> None:
    network = Written(lambda conv, norm, image: conv(conv(image).sin().exp()))
    image = torch.randn(4, 8, 9, 9, requires_grad=True)
    plain, cheap = (
        kept_bytes(network.requires_grad_(False), image, is_selective=is_selective) / image.nbytes
        for is_selective in (False, True)
    )
    assert plain == pytest.approx(1 + 2)  # the output; of sin and exp, which keep one each
    assert cheap == pytest.approx(1 + 2)
    network = Written(lambda conv, norm, image: conv(conv(image) + 1))
    plain, cheap = (
        kept_bytes(network.requires_grad_(False), image, is_selective=is_selective) / image.nbytes
        for is_selective in (False, True)
    )
    assert plain == pytest.approx(1 + 1)
    assert cheap == pytest.approx(1)


def test_nothing_stays_behind() -> None:
    network = NETWORKS["one map, two convolutions"]().train()
    image = torch.randn(4, 8, 9, 9)
    resident = {Part.PARAMETERS: [*network.parameters(), *network.buffers(), image]}
    output = None
    with MemoryTracker(resident, image.device) as tracker:
        before_bytes = tracker.now_bytes
        with selective():
            output = network(image).sum()
        output.backward()
        network.zero_grad()
        del output
        assert tracker.now_bytes == before_bytes


def test_a_forward_pass_that_leads_nowhere_leaves_nothing() -> None:
    network, image = NETWORKS["residual"]().train(), torch.randn(4, 8, 9, 9)
    resident = {Part.PARAMETERS: [*network.parameters(), *network.buffers(), image]}
    with MemoryTracker(resident, image.device) as tracker:
        before_bytes = tracker.now_bytes
        with selective():
            output = network(image)
        assert tracker.now_bytes > before_bytes
        del output
        assert tracker.now_bytes == before_bytes


def changed_in_place(conv: nn.Module, norm: nn.Module, image: Tensor) -> Tensor:
    map_ = conv(image)
    output: Tensor = conv(norm(map_).relu())
    map_.add_(1.0)
    return output


def test_what_is_changed_in_place_is_refused() -> None:
    image = torch.randn(4, 8, 9, 9)
    for is_selective in (False, True):
        with selective() if is_selective else nullcontext():
            output = Written(changed_in_place)(image)
        remedy = "savings.selective=false" if is_selective else "inplace operation"
        with pytest.raises(RuntimeError, match=remedy):
            output.sum().backward()


@pytest.fixture
def runs() -> Iterator[list[str]]:
    """What the following code runs, by name."""
    names: list[str] = []

    class Noting(TorchDispatchMode):  # type: ignore[no-untyped-call]
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
            names.append(func.overloadpacket.__name__)
            return func(*args, **(kwargs or {}))

    with Noting():  # type: ignore[no-untyped-call]
        yield names


def test_only_what_is_cheap_is_run_again_and_only_once(runs: list[str]) -> None:
    network = mbconv(8, 8, 3, 4).train()
    image = torch.randn(4, 8, 9, 9, requires_grad=True)
    with selective():
        output = network(image)
    assert runs.count("native_batch_norm") == 3
    runs.clear()
    output.sum().backward()
    assert runs.count("convolution") == 1  # of single pixels, to more channels
    assert runs.count("native_batch_norm") == 2  # the third map is nobody's input
    assert runs.count("relu_") == 2
    runs.clear()
    network.requires_grad_(False)
    with selective():
        output = network(image)
    runs.clear()
    output.sum().backward()
    assert runs.count("native_batch_norm") == 2
    assert "relu_" not in runs  # its input says as much


@pytest.mark.parametrize("name", ["digits", "nasbench201", "vit"])
def test_in_mixed_precision_a_supernet_learns_the_same(name: str) -> None:
    space = zoo_space(name)
    assert space.input_shape is not None
    example_B = torch.randn(4, *space.input_shape)
    label_B = torch.arange(4)
    found = []
    for savings in (PLAIN, MemorySavings(selective=1.0)):
        supernet = Supernet(space, savings=savings, seed=1).train()
        with torch.autocast("cpu", torch.bfloat16):
            loss = functional.cross_entropy(supernet(example_B), label_B)
        loss.backward()  # type: ignore[no-untyped-call]
        found.append(
            [loss.detach(), *(p.grad for p in supernet.parameters() if p.grad is not None)]
        )
    plain, cheap = (torch.cat([tensor.flatten().float() for tensor in each]) for each in found)
    assert len(plain) == len(cheap)
    assert float((plain - cheap).norm() / plain.norm()) < 0.02
