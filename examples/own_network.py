"""Your own search space, in plain PyTorch, searched on handwritten digits."""

from torch import nn

import radars


def net(choose: radars.Choose) -> nn.Module:
    body = [
        choose(f"block{index}", {
            "skip": nn.Identity,
            "conv3": lambda: nn.Sequential(nn.Conv2d(16, 16, 3, padding=1), nn.ReLU()),
            "conv5": lambda: nn.Sequential(nn.Conv2d(16, 16, 5, padding=2), nn.ReLU()),
        })
        for index in range(4)
    ]  # fmt: skip
    return nn.Sequential(nn.Conv2d(1, 16, 3), *body, nn.Flatten(), nn.Linear(16 * 6 * 6, 10))


def main() -> None:
    space = radars.SearchSpace(net)
    found = radars.search(space, budget="4MiB", max_minutes=0.2)
    model = found.build()  # a plain nn.Module
    print(dict(found.architecture), model)


if __name__ == "__main__":
    main()
