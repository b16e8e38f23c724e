"""A table and a task of your own: how far diabetes progresses within a year, by ten measurements.

442 real patients, who ship with scikit-learn (Efron et al., "Least Angle Regression", 2004). The
task is regression: a loss, and a score from 0 to 1 that a search maximises.
"""

import torch
from sklearn.datasets import load_diabetes
from torch import Tensor, nn

import radars


def loss(output_BK: Tensor, label_B: Tensor) -> Tensor:
    return nn.functional.huber_loss(output_BK[:, 0], label_B)


def score(output_BK: Tensor, label_B: Tensor) -> Tensor:
    """1 where the prediction is right, 0.37 where it is one standard deviation away."""
    return (-(output_BK[:, 0] - label_B).abs()).exp()


TASK = radars.Task(loss, score, label_dtype=torch.float32)


def layer(width: int, activation: type[nn.Module]) -> nn.Module:
    return nn.Sequential(nn.Linear(width, width), nn.BatchNorm1d(width), activation())


def net(choose: radars.Choose, width: int = 32) -> nn.Module:
    hidden = [
        choose(
            f"layer{index}",
            {
                "skip": nn.Identity,
                "relu": lambda: layer(width, nn.ReLU),
                "silu": lambda: layer(width, nn.SiLU),
                "dropout": lambda: nn.Sequential(layer(width, nn.ReLU), nn.Dropout(0.2)),
            },
        )
        for index in range(3)
    ]
    return nn.Sequential(nn.Linear(10, width), nn.ReLU(), *hidden, nn.Linear(width, 1))


def diabetes() -> tuple[Tensor, Tensor]:
    """Measurements (442, 10), and the progression in standard deviations from the mean (442,)."""
    table = load_diabetes()
    label_N = torch.tensor(table.target, dtype=torch.float32)
    return torch.tensor(table.data), (label_N - label_N.mean()) / label_N.std()


def main() -> None:
    data = radars.tensor_data(*diabetes(), name="diabetes", num_outputs=1)
    result = radars.search(
        radars.SearchSpace(net),
        data,
        task=TASK,
        budget="1MiB",
        num_rounds=1,
        batch_size=32,
        explore={"steps": 120},
        differentiate={"steps": 10},
        select={"finalists": 2, "halving_steps": [60]},
    )
    print(dict(result.architecture), f"mean score {result.validation_accuracy:.3f}")


if __name__ == "__main__":
    main()
