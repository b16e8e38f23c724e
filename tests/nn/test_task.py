import pytest
import torch
from torch import Tensor
from torch.nn import functional

from radars.errors import ConfigError
from radars.nn.task import CLASSIFICATION, Task

OUTPUT = torch.tensor([[0.0, 2.0, 1.0], [3.0, 0.0, 0.0]])


def test_by_default_it_is_classification() -> None:
    label_B = torch.tensor([1, 2])
    assert CLASSIFICATION.score(OUTPUT, label_B).tolist() == [True, False]
    assert torch.equal(
        CLASSIFICATION.loss(OUTPUT, label_B), functional.cross_entropy(OUTPUT, label_B)
    )
    assert torch.equal(
        CLASSIFICATION.smoothed_loss(0.1)(OUTPUT, label_B),
        functional.cross_entropy(OUTPUT, label_B, label_smoothing=0.1),
    )
    CLASSIFICATION.check(label_B, 3)


def test_a_loss_of_ones_own_is_not_smoothed() -> None:
    task = Task(functional.mse_loss, label_shape=(3,), label_dtype=torch.float32)
    assert task.smoothed_loss(0.1) is functional.mse_loss


def error(output_BK: Tensor, label_B: Tensor) -> Tensor:
    return (output_BK[:, 0] - label_B).abs()


@pytest.mark.parametrize(
    ("task", "label_N", "message"),
    [
        (CLASSIFICATION, torch.ones(4), r"\(\) and torch.int64, but .* torch.float32"),
        (CLASSIFICATION, torch.ones(4, 2, dtype=torch.int64), r"are \(2,\) and"),
        (CLASSIFICATION, torch.tensor([7, 8]), "the loss of a task takes .* raised IndexError"),
        (Task(score=error), torch.tensor([1, 2]), r"from 0 to 1, .* is 2 .*exp\(-error\)"),
        (Task(loss=error), torch.tensor([1, 2]), r"the loss returns \(2,\)"),
        (
            Task(score=functional.cross_entropy),
            torch.tensor([1, 2]),
            r"one for each example, \(2,\), but the score returns \(\)",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(task: Task, label_N: Tensor, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        task.check(label_N, 3)
    assert len(str(caught.value).splitlines()) == 1
