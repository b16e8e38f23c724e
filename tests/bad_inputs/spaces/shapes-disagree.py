from torch import nn


def net(choose):
    x = {"a": nn.Identity, "b": lambda: nn.Conv2d(3, 3, 1)}
    return nn.Sequential(choose("c", x), nn.Flatten(), nn.Linear(64, 10))
