from dataclasses import replace
from pathlib import Path

import pytest
from torch import Tensor, nn

from radars.errors import SpaceError
from radars.training import TrainResult, load_trained
from radars.training.exporting.torch_export import exported_program


class Decides(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x if x.sum() > 0 else -x


class OfOneSize(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.view(3, -1)


@pytest.mark.slow
@pytest.mark.parametrize("network", [Decides(), OfOneSize()])
def test_what_cannot_be_exported_is_one_line(
    completed: tuple[Path, TrainResult], network: nn.Module
) -> None:
    trained = replace(load_trained(completed[0]), network=network)
    with pytest.raises(SpaceError, match="can be exported where") as caught:
        exported_program(trained)
    assert "\n" not in str(caught.value)
