"""Operations that PyTorch's counter knows nothing of."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision.ops import DeformConv2d

from radars.cost import count_macs
from radars.cost.parts import PartCounter
from radars.errors import RadarsWarning


class Runs(nn.Module):
    def __init__(self, does: Callable[..., Tensor]) -> None:
        super().__init__()
        self.does = does

    def forward(self, *inputs: Any) -> Tensor:
        return self.does(*inputs)


@pytest.mark.parametrize(
    ("module", "shapes", "macs"),
    [
        (lambda: nn.Bilinear(3, 4, 5), [(2, 3), (2, 4)], 2 * 3 * 4 * 5),
        (lambda: Runs(torch.matmul), [(3, 4), (4,)], 12),
        (lambda: Runs(torch.matmul), [(2, 3, 4), (4,)], 24),
        (lambda: Runs(torch.dot), [(4,), (4,)], 4),
        (lambda: Runs(torch.addmv), [(3,), (3, 4), (4,)], 12),
        (lambda: Runs(torch.addbmm), [(3, 5), (2, 3, 4), (2, 4, 5)], 2 * 3 * 4 * 5),
        (lambda: Runs(torch.cdist), [(2, 5, 3), (2, 7, 3)], 2 * 5 * 7 * 3),
        (lambda: Runs(torch.cdist), [(2, 50, 3), (2, 70, 3)], 2 * 50 * 70 * 3),
        (
            lambda: DeformConv2d(3, 6, 3, bias=False),
            [(1, 3, 8, 8), (1, 18, 6, 6)],
            6 * 6 * 6 * 3 * 3 * 3,
        ),
        (lambda: nn.Linear(3, 4), [(2, 3)], 24),
    ],
)
def test_multiply_accumulates(
    module: Callable[[], nn.Module], shapes: list[tuple[int, ...]], macs: int
) -> None:
    with torch.device("meta"):
        made = module()
    assert count_macs(made, *shapes) == macs


def test_a_part_is_counted_alike() -> None:
    with torch.device("meta"):
        network = nn.Sequential(nn.Linear(4, 3), Runs(lambda each: torch.cdist(each, each)))
    parts = PartCounter((5, 4)).parts(network)
    assert {name: part.macs for name, part in parts.items() if part.macs} == {
        "0": 5 * 4 * 3,
        "1": 5 * 5 * 3,
    }


def test_what_is_not_counted_is_named() -> None:
    with torch.device("meta"):
        module = Runs(lambda each: torch.fft.rfft(each).real)
    with pytest.warns(RadarsWarning, match=r"of aten\._fft_r2c are not counted.*latency_ms"):
        count_macs(module, (2, 8))
