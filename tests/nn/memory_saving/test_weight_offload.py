"""The offload under memory pressure: whatever is put aside on disk is found again, bit for bit."""

from pathlib import Path

import pytest
import torch
from tests.tiny import tiny_space
from torch import Tensor, nn

from radars.nn.memory_saving.disk_offload import DiskOffload
from radars.nn.memory_saving.module_with_optimizer import ModuleWithOptimizer
from radars.nn.memory_saving.weight_offload import WeightOffload
from radars.nn.optimizer import OptimizerConfig
from radars.nn.steps import weights_step
from radars.nn.supernet import Supernet
from radars.space import Architecture

SPACE = tiny_space()
OPTIMIZERS = [OptimizerConfig(), OptimizerConfig(name="adamw", learning_rate=1e-3)]


def trained(supernet: Supernet, first: int = 0, last: int = 20) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    for step in range(last):
        path = SPACE.random_architecture(generator)
        example_B = torch.randn(8, 1, 8, 8, generator=generator)
        if step >= first:
            supernet.activate(path)
            weights_step(supernet, example_B, torch.arange(8) % 4)
    return supernet.state_dict()


def check_same(state: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert state.keys() == other.keys()
    for name, tensor in state.items():
        assert torch.equal(tensor, other[name]), name


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda optimizer: optimizer.name)
@pytest.mark.parametrize("host_bytes", [0, 12_000, 10**9])
def test_training_is_the_same_wherever_idle_weights_are(
    tmp_path: Path, host_bytes: int, optimizer: OptimizerConfig
) -> None:
    disk = DiskOffload(tmp_path / "weights")
    small = Supernet(SPACE, optimizer=optimizer, disk=disk, host_bytes=host_bytes)
    expected = trained(Supernet(SPACE, optimizer=optimizer))
    check_same(trained(small), expected)
    num_idle = SPACE.full.num_candidates - len(SPACE.full)
    expected_shelved = {0: {num_idle}, 12_000: set(range(1, num_idle)), 10**9: {0}}
    assert len(list(disk)) in expected_shelved[host_bytes]


def test_a_state_goes_into_a_bank_with_shelved_weights_and_training_goes_on(
    tmp_path: Path,
) -> None:
    halfway = Supernet(SPACE, disk=DiskOffload(tmp_path / "a"), host_bytes=0)
    trained(halfway, last=6)
    resumed = Supernet(SPACE, disk=DiskOffload(tmp_path / "b"), host_bytes=0)
    trained(resumed, last=3)  # some of its weights are on the disk already
    resumed.load_state_dict(halfway.state_dict())
    check_same(trained(resumed, first=6), trained(Supernet(SPACE)))


def test_a_loaded_state_is_put_on_disk_where_the_host_has_no_room(tmp_path: Path) -> None:
    trained_before = Supernet(SPACE)
    state = trained(trained_before)
    path = Architecture(dict.fromkeys(SPACE.full, "mb2")).as_subspace()
    num_idle = len(SPACE.full)  # the convolution of each choice; nothing has no weights
    for host_bytes, num_on_disk in ((0, num_idle), (10**9, 0)):
        disk = DiskOffload(tmp_path / str(host_bytes))
        resumed = Supernet(SPACE, path, disk=disk, host_bytes=host_bytes)
        resumed.load_state_dict(state)
        assert len(list(disk)) == num_on_disk
        check_same(resumed.state_dict(), state)


def test_shelved_weights_are_inherited(tmp_path: Path) -> None:
    shared = Supernet(SPACE, disk=DiskOffload(tmp_path), host_bytes=0)
    trained(shared)
    path = Architecture(dict.fromkeys(SPACE.full, "mb2"))
    shared.activate(Architecture(dict.fromkeys(SPACE.full, "conv3")))
    shared.release()
    child = Supernet(SPACE, path.as_subspace(), seed=1)
    child.inherit(shared)
    example_B = torch.randn(4, 1, 8, 8)
    shared.activate(path)
    assert torch.equal(child.eval()(example_B), shared.eval()(example_B))


def test_what_was_never_trained_is_not_inherited_and_is_no_error() -> None:
    shared = Supernet(SPACE, Architecture(dict.fromkeys(SPACE.full, "none")).as_subspace())
    path = Architecture({"a": "none", "b": "mb2", "c": "none"})
    child = Supernet(SPACE, path.as_subspace(), seed=1)
    fresh = {name: tensor.clone() for name, tensor in child.state_dict().items()}
    child.inherit(shared)
    inherited = child.state_dict()
    mb2 = [name for name in fresh if name.startswith("b#0/mb2|module")]
    assert mb2
    assert all(torch.equal(inherited[name], fresh[name]) for name in mb2)
    network = [name for name in fresh if name.startswith("network|module") and "weight" in name]
    assert any(not torch.equal(inherited[name], fresh[name]) for name in network)
    assert all(torch.equal(inherited[name], shared.state_dict()[name]) for name in network)


@pytest.fixture
def moves(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Where modules were moved to, in order, in the place of moving them: no GPU is needed."""
    moves: list[str] = []
    monkeypatch.setattr(ModuleWithOptimizer, "move", lambda self, device: moves.append(device.type))
    return moves


def block() -> nn.Module:
    return nn.Linear(100, 1, bias=False)  # 400 bytes, of which a GPU makes 512


def gpu_offload(overlap: bool = False) -> WeightOffload:
    config, device = OptimizerConfig(momentum=0.0), torch.device("cuda")
    return WeightOffload(config, device, 0, overlap=overlap)


def test_what_is_not_lent_stays_on_a_gpu_that_has_room_and_the_longest_idle_leaves(
    moves: list[str],
) -> None:
    offload = gpu_offload()
    offload.keep(1024)
    for key in "abc":
        offload.lend(key, block)
    assert moves == ["cuda"] * 3
    for key in "abc":
        offload.take_back(key)
    assert moves[3:] == ["cpu"]
    assert offload.staying_bytes == 1024
    for key in "bc":
        offload.lend(key, block)
    assert len(moves) == 4  # nothing was copied
    assert offload.staying_bytes == 0
    offload.lend("a", block)
    assert moves[4:] == ["cuda"]
    offload.take_back("b")
    offload.keep(0)
    assert moves[5:] == ["cpu"]
    assert offload.staying_bytes == 0


@pytest.mark.parametrize("room_bytes", [0, 511, 512, 2000, 10**6])
def test_what_stays_is_never_more_than_there_is_room_for(moves: list[str], room_bytes: int) -> None:
    offload = gpu_offload()
    offload.keep(room_bytes)
    generator = torch.Generator().manual_seed(0)
    for drawn in torch.randint(6, (40, 3), generator=generator).tolist():
        live = sorted({str(index) for index in drawn})
        for key in live:
            offload.lend(key, block)
        for key in live:
            offload.take_back(key)
        assert offload.staying_bytes <= room_bytes
    assert offload.staying_bytes == min(6, room_bytes // 512) * 512
    assert moves.count("cuda") - moves.count("cpu") == offload.staying_bytes // 512


def test_what_shares_tensors_is_put_together_on_the_host(moves: list[str]) -> None:
    offload = gpu_offload(overlap=True)
    offload.keep(10**6)
    offload._wait_for_copies = lambda: None  # type: ignore[method-assign]
    offload.lend("place/a", block)
    offload.take_back("place/a")
    assert moves == ["cuda", "cpu"]
    assert offload.staying_bytes == 0
