import pytest
import torch

from radars.data import Batch, move


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_move_keeps_layout_and_types(device: str) -> None:
    example_B = torch.rand(2, 3, 4, 5).contiguous(memory_format=torch.channels_last)
    moved = move(Batch(example_B, torch.tensor([0, 1])), torch.device(device))
    assert moved.example_B.device.type == moved.label_B.device.type == device
    assert moved.example_B.is_contiguous(memory_format=torch.channels_last)
    assert moved.label_B.dtype == torch.int64


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_move_to_a_gpu_copies_the_values() -> None:
    batch = Batch(torch.rand(2, 3, 4, 5), torch.tensor([0, 1]))
    moved = move(batch, torch.device("cuda"))
    assert torch.equal(moved.example_B.cpu(), batch.example_B)
    assert torch.equal(moved.label_B.cpu(), batch.label_B)
