import pytest
import torch
from sklearn.datasets import load_digits
from tests.tiny import zoo_space
from torch import Tensor, nn

NUM_TRAIN = 1400


@pytest.fixture(scope="module")
def digits() -> tuple[Tensor, Tensor]:
    data = load_digits()
    order = torch.randperm(len(data.target), generator=torch.Generator().manual_seed(0))
    example = torch.tensor(data.images, dtype=torch.float32)[:, None] / 16 - 0.3
    return example[order], torch.tensor(data.target)[order]


def accuracy(candidates: list[str], digits: tuple[Tensor, Tensor], num_epochs: int) -> float:
    example, label = digits
    torch.manual_seed(0)
    space = zoo_space("digits")
    network = space.build({f"layer{index}": name for index, name in enumerate(candidates)})
    optimizer = torch.optim.SGD(network.parameters(), 0.05, momentum=0.9, nesterov=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, num_epochs)
    for _ in range(num_epochs):
        for index in torch.split(torch.randperm(NUM_TRAIN), 64):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(network(example[index]), label[index])
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        schedule.step()
    with torch.no_grad():
        right = network.eval()(example[NUM_TRAIN:]).argmax(1) == label[NUM_TRAIN:]
    return float(right.float().mean())


def test_candidates() -> None:
    space = zoo_space("digits")
    assert {choice.candidates for choice in space.choices} == {
        ("skip", "conv3", "mb2_k3", "mb4_k3")
    }
    assert [place.output_shape for place in space.places((1, 8, 8))] == [
        (1, 16, 8, 8),
        (1, 32, 4, 4),
        (1, 32, 4, 4),
        (1, 64, 2, 2),
        (1, 64, 2, 2),
    ]


def test_architectures_differ_in_what_they_learn(digits: tuple[Tensor, Tensor]) -> None:
    good = accuracy(["skip", "conv3", "conv3", "mb2_k3", "skip"], digits, num_epochs=15)
    poor = accuracy(["skip"] * 5, digits, num_epochs=15)
    assert good >= 0.96
    assert poor <= good - 0.03
