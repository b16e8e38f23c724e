import hashlib
import math
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import save_file
from tests.full_disk import largest_file
from torch import Tensor

from radars.errors import RunError
from radars.runs.checkpoint import CheckpointStore
from radars.runs.events import read_events
from radars.runs.file_names import EVENTS_NAME

DTYPES = [
    torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.float8_e4m3fn,
    torch.complex64, torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool,
]  # fmt: skip


@st.composite
def tensors(draw: st.DrawFn) -> Tensor:
    shape = draw(st.lists(st.integers(0, 4), max_size=5))
    dtype = draw(st.sampled_from(DTYPES))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    num_bytes = math.prod(shape) * dtype.itemsize
    bits = torch.randint(0, 2 if dtype == torch.bool else 256, (num_bytes,), generator=generator)
    tensor = bits.to(torch.uint8).view(dtype).reshape(shape)
    tensor = tensor.permute(draw(st.permutations(range(len(shape)))))
    for dim in range(tensor.dim()):
        change = draw(st.sampled_from(["none", "none", "slice", "step", "expand"]))
        if change == "slice":
            tensor = tensor.narrow(dim, 0, tensor.shape[dim] // 2)
        elif change == "step":
            tensor = tensor[(slice(None),) * dim + (slice(None, None, 2),)]
        elif change == "expand" and tensor.shape[dim] == 1:
            tensor = tensor.expand(*tensor.shape[:dim], 3, *tensor.shape[dim + 1 :])
    return tensor


def bits_of(tensor: Tensor) -> bytes:
    elements = torch.empty(tensor.numel(), dtype=tensor.dtype)
    elements.view(tensor.shape).copy_(tensor.detach())
    return bytes(elements.view(torch.uint8).tolist())


def assert_same(actual: Tensor, expected: Tensor) -> None:
    assert actual.shape == expected.shape
    assert actual.dtype == expected.dtype
    assert actual.stride() == expected.stride()
    assert bits_of(actual) == bits_of(expected)


def files(directory: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in directory.iterdir()}


@pytest.fixture
def store(tmp_path: Path) -> CheckpointStore:
    return CheckpointStore(tmp_path / "checkpoint")


@given(
    saved=st.dictionaries(
        st.text().filter(lambda name: name != "__metadata__"),
        tensors(),
        max_size=4,
    )
)
def test_any_tensor_comes_back_bit_for_bit(
    tmp_path_factory: pytest.TempPathFactory, saved: dict[str, Tensor]
) -> None:
    store = CheckpointStore(tmp_path_factory.mktemp("run") / "checkpoint")
    store.save(0, saved)
    loaded = store.load(0).state
    assert loaded.keys() == saved.keys()
    for name, tensor in saved.items():
        assert_same(loaded[name], tensor)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(values=st.dictionaries(st.text(), JSON_VALUES))
def test_any_values_come_back(
    tmp_path_factory: pytest.TempPathFactory, values: dict[str, object]
) -> None:
    store = CheckpointStore(tmp_path_factory.mktemp("run") / "checkpoint")
    store.save(0, values)
    assert store.load(0).state == values


def test_nan_comes_back(store: CheckpointStore) -> None:
    store.save(0, {"loss": math.nan, "best": -math.inf})
    values = store.load(0).state
    assert math.isnan(values["loss"])
    assert values["best"] == -math.inf


def test_optimizer_and_generator_go_on_as_if_never_interrupted(store: CheckpointStore) -> None:
    # a channels-last momentum must come back as one, or other kernels round in another way
    weight = torch.randn(8, 4, 3, 3).to(memory_format=torch.channels_last).requires_grad_()
    pointwise = torch.randn(8, 4, 1, 1).to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD([weight], lr=0.1, momentum=0.9)
    weight.square().sum().backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    momentum = optimizer.state[weight]["momentum_buffer"]
    generator = torch.Generator().manual_seed(1)
    saved = {
        "weight": weight,
        "pointwise": pointwise,
        "momentum": momentum,
        "generator": generator.get_state(),
        "num_batches": torch.tensor(2**62 + 1),
    }
    store.save(3, saved)
    expected_noise = torch.rand(5, generator=generator)
    checkpoint = store.latest()
    assert checkpoint is not None
    assert checkpoint.step == 3
    for name, tensor in saved.items():
        assert_same(checkpoint.state[name], tensor)
    assert checkpoint.state["momentum"].is_contiguous(memory_format=torch.channels_last)
    generator.set_state(checkpoint.state["generator"])
    assert torch.equal(torch.rand(5, generator=generator), expected_noise)


def test_tensors_that_share_memory(store: CheckpointStore) -> None:
    base = torch.arange(6.0)
    saved = {"base": base, "same": base, "part": base[2:], "matrix": base.view(2, 3).t()}
    store.save(0, saved)
    loaded = store.load(0).state
    for name, tensor in saved.items():
        assert_same(loaded[name], tensor)
    loaded["base"].zero_()
    assert torch.equal(loaded["same"], base)


def test_what_is_loaded_outlives_its_file(store: CheckpointStore) -> None:
    store.save(0, {"x": torch.arange(10_000)})
    loaded = store.load(0).state["x"]
    for step in (1, 2):
        store.save(step, {"x": loaded})
    assert store.steps() == [1, 2]
    assert torch.equal(loaded, torch.arange(10_000))
    assert torch.equal(store.load(2).state["x"], loaded)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_loading_holds_nothing_in_memory_but_what_is_copied(store: CheckpointStore) -> None:
    store.save(0, {"x": torch.ones(16 * 2**20), "y": torch.ones(4, 2**20, 2, 2).mT})
    before = own_bytes()
    state = store.load(0).state
    assert state["x"].sum() == 16 * 2**20
    assert state["y"].sum() == 16 * 2**20
    assert own_bytes() - before < 16 * 2**20


def own_bytes() -> int:
    """What the process holds in memory that is no map of a file."""
    [line] = re.findall(r"RssAnon:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return 1024 * int(line)


def test_the_newest_two_are_kept(store: CheckpointStore, tmp_path: Path) -> None:
    assert store.latest() is None
    (tmp_path / "checkpoint").mkdir()
    (tmp_path / "checkpoint" / "mine.safetensors").write_text("of the user")
    (tmp_path / "checkpoint" / ".00000001.safetensors.abc.tmp").write_text("of a crash")
    (tmp_path / "checkpoint" / "00000001.sha256").write_text("of a crash")
    for step in (0, 2, 5, 5, 100_000_000):
        store.save(step, {"x": torch.tensor(step)})
    assert store.steps() == [5, 100_000_000]
    assert files(tmp_path / "checkpoint").keys() == {
        "00000005.safetensors", "00000005.sha256",
        "100000000.safetensors", "100000000.sha256",
        "mine.safetensors",
    }  # fmt: skip


def test_later_checkpoints_are_of_work_that_is_redone(store: CheckpointStore) -> None:
    for step in (10, 12, 11):
        store.save(step, {})
    assert store.steps() == [10, 11]


def test_damage_at_any_byte_is_detected(store: CheckpointStore, tmp_path: Path) -> None:
    store.save(1, {"x": torch.tensor(1)})
    store.save(2, {"x": torch.tensor(2)})
    path = tmp_path / "checkpoint" / "00000002.safetensors"
    whole = path.read_bytes()
    for index in range(len(whole)):
        path.write_bytes(whole[:index])
        assert not store.is_intact(2)
        flipped = bytes([whole[index] ^ (1 << (index % 8))])
        path.write_bytes(whole[:index] + flipped + whole[index + 1 :])
        assert not store.is_intact(2)
    path.write_bytes(whole)
    assert store.is_intact(2)


@pytest.mark.parametrize("suffix", ["safetensors", "sha256"])
@pytest.mark.parametrize("content", [b"", b"garbage", None])
def test_the_one_before_a_damaged_one_is_used(
    store: CheckpointStore, tmp_path: Path, suffix: str, content: bytes | None
) -> None:
    for step in (1, 2):
        store.save(step, {"x": torch.tensor(step)})
        damaged = tmp_path / "checkpoint" / f"{step:08d}.{suffix}"
    if content is None:
        damaged.unlink()
    else:
        damaged.write_bytes(content)
    checkpoint = store.latest()
    assert checkpoint is not None
    assert checkpoint.step == 1
    assert checkpoint.state["x"] == 1
    with pytest.raises(RunError, match="missing or damaged"):
        store.load(2)


def test_all_damaged_is_an_error(store: CheckpointStore, tmp_path: Path) -> None:
    for step in (1, 2):
        store.save(step, {})
        (tmp_path / "checkpoint" / f"{step:08d}.safetensors").write_bytes(b"")
    with pytest.raises(RunError, match=r"steps \[2, 1\] are damaged; start again") as caught:
        store.latest()
    assert "\n" not in str(caught.value)


def test_refused_values_write_nothing(store: CheckpointStore, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="values"):
        store.save(1, {"x": [torch.tensor(1)]})
    with pytest.raises(ValueError, match="step"):
        store.save(-1, {})
    with pytest.raises(ValueError, match="__metadata__"):
        store.save(1, {"__metadata__": torch.tensor(1)})
    assert list(tmp_path.iterdir()) == []


def test_no_space_leaves_the_checkpoints_before(store: CheckpointStore, tmp_path: Path) -> None:
    store.save(1, {"x": torch.ones(10)})
    before = files(tmp_path / "checkpoint")
    with largest_file(10_000), pytest.raises(RunError, match=r"cannot write .*too large"):
        store.save(2, {"x": torch.ones(100_000)})
    assert files(tmp_path / "checkpoint") == before


WRITER = """
import sys
from pathlib import Path
import torch
from radars.runs.directory import RunDirectory
from radars.runs.event_schema import PhaseStartedEvent
with RunDirectory.resume(sys.argv[1]) as run:
    for step in range((run.resumed_step or 0) + 1, 10**6):
        run.log(PhaseStartedEvent(step=step))
        run.save(step, {"x": torch.full((20_000,), step), "step": step})
        print(step, flush=True)
"""


@pytest.mark.slow
def test_sigkill_while_it_saves(tmp_path: Path) -> None:
    from radars.runs.directory import RunDirectory

    path = tmp_path / "run"
    RunDirectory.create(path, {}).close()
    last_printed = 0
    for num_saved in (5, 8):
        command = [sys.executable, "-c", WRITER, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            for _ in range(num_saved):
                last_printed = int(writer.stdout.readline())
            os.kill(writer.pid, signal.SIGKILL)
            last_printed = max([last_printed, *map(int, writer.stdout.read().split())])
    with RunDirectory.resume(path) as run:
        checkpoint = run.latest()
        assert checkpoint is not None
        assert checkpoint.step >= last_printed >= 13
        assert checkpoint.state["step"] == checkpoint.step
        assert torch.equal(checkpoint.state["x"], torch.full((20_000,), checkpoint.step))
        logged = read_events(run.path / EVENTS_NAME)
        steps = [event["step"] for event in logged if event["event"] == "phase_started"]
        assert "checkpoint_damaged" not in {event["event"] for event in logged}
        assert steps == list(range(1, checkpoint.step + 1))


def forged(folder: Path, step: int, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """A checkpoint whose checksum is right."""
    path = folder / f"{step:08d}.safetensors"
    save_file(tensors, path, metadata)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_suffix(".sha256").write_text(f"{digest}  {path.name}\n")


SAVED = {"x": torch.ones(2), "y": torch.ones(2, 3).T, "z": torch.tensor(1)}
FORGED: dict[str, tuple[dict[str, Tensor], dict[str, str]]] = {
    "no object": ({}, {"values": "[]"}),
    "deep": ({}, {"values": "[" * 100_000}),
    "a value for a tensor": ({}, {"values": '{"x": 1}'}),
    "no values": ({}, {"values": ""}),
    "layout outside": ({}, {"layouts": '{"x": [[4], [9999999999]]}'}),
    "layout a number": ({}, {"layouts": '{"x": 7}'}),
    "layouts a list": ({}, {"layouts": "[1]"}),
    "no layouts": ({}, {"layouts": ""}),
    "wrong digest": ({}, {"digest": "0"}),
    "another shape": ({"x": torch.ones(3)}, {}),
    "another type": ({"x": torch.ones(2, dtype=torch.int32)}, {}),
    "another tensor": ({"w": torch.ones(2)}, {}),
    "no z": ({"z": torch.empty(0)}, {}),
}


@pytest.mark.parametrize("name", FORGED)
def test_the_one_before_is_used_where_one_does_not_hold_together_whatever_its_checksum_says(
    tmp_path: Path, name: str
) -> None:
    store = CheckpointStore(tmp_path)
    store.save(1, {"x": torch.zeros(2)})
    store.save(2, SAVED)
    with safe_open(tmp_path / "00000002.safetensors", framework="pt") as file:
        metadata = file.metadata()
        tensors = {key: file.get_tensor(key).clone() for key in SAVED}
    forged(tmp_path, 2, tensors, metadata)
    assert store.is_intact(2)
    others, changes = FORGED[name]
    tensors |= others
    forged(tmp_path, 2, {k: t for k, t in tensors.items() if t.numel()}, {**metadata, **changes})
    with pytest.raises(RunError, match="damaged; use the one before it") as caught:
        store.load(2)
    assert "\n" not in str(caught.value)
    checkpoint = store.latest()
    assert checkpoint is not None
    assert torch.equal(checkpoint.state["x"], torch.zeros(2))


def test_one_of_another_version_is_not_passed_over(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    store.save(1, {"x": torch.ones(2)})
    forged(tmp_path, 2, {"x": torch.ones(2)}, {"format": "9"})
    with pytest.raises(RunError, match="has 9; continue with the version that began the run"):
        store.latest()
