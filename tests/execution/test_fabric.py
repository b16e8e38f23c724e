import logging

import pytest
import torch

from radars.execution.fabric import fabric_on

CPU = torch.device("cpu")


def test_fabric_says_nothing(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    level = logging.getLogger("lightning_fabric").level
    assert fabric_on(CPU, "bf16-mixed").device == CPU
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []
    assert logging.getLogger("lightning_fabric").level == level
