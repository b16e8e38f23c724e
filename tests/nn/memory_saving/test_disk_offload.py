from pathlib import Path

import pytest
import torch
from tests.full_disk import largest_file

from radars.errors import RunError
from radars.nn.memory_saving.disk_offload import DiskOffload

TENSORS = {
    "weight": torch.randn(4, 3, 2, 2).contiguous(memory_format=torch.channels_last),
    "count": torch.tensor(7),
    "half": torch.randn(5).to(torch.bfloat16),
    "none": torch.empty(0),
}


def test_what_is_put_is_read_bit_for_bit(tmp_path: Path) -> None:
    disk = DiskOffload(tmp_path / "weights")
    assert "a/b#0|module" not in disk
    disk.put("a/b#0|module", TENSORS)
    disk.put("../../b", {"x": torch.zeros(1)})
    assert list(disk) == ["../../b", "a/b#0|module"]
    read = disk.read("a/b#0|module")
    assert read.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert torch.equal(read[name], tensor)
        assert read[name].dtype is tensor.dtype
    assert {path.parent for path in tmp_path.rglob("*.safetensors")} == {tmp_path / "weights"}


def test_what_was_read_stays_when_the_key_is_put_again_or_removed(tmp_path: Path) -> None:
    disk = DiskOffload(tmp_path)
    disk.put("key", {"x": torch.zeros(1000)})
    read = disk.read("key")
    disk.put("key", {"x": torch.ones(1000)})
    assert not read["x"].any()
    assert disk.read("key")["x"].all()
    disk.remove("key")
    assert not read["x"].any()
    assert "key" not in disk
    assert list(tmp_path.iterdir()) == []


def test_a_shelf_begins_and_ends_empty(tmp_path: Path) -> None:
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / "left-by-a-killed-run.safetensors").touch()
    disk = DiskOffload(folder)
    disk.put("key", TENSORS)
    assert len(list(folder.iterdir())) == 1
    disk.clear()
    assert not folder.exists()
    assert list(disk) == []


def test_a_disk_that_takes_nothing_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match=r"cannot keep weights in .*file.*host_bytes"):
        DiskOffload(tmp_path / "file" / "weights").put("key", TENSORS)


def test_what_a_full_disk_took_of_the_first_key_goes_with_the_shelf(tmp_path: Path) -> None:
    disk = DiskOffload(tmp_path / "weights")
    with largest_file(10_000), pytest.raises(RunError, match="cannot keep weights") as caught:
        disk.put("key", {"x": torch.zeros(100_000)})
    assert "\n" not in str(caught.value)
    disk.clear()
    assert list(tmp_path.iterdir()) == []
