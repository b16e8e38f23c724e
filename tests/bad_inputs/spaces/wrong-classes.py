from torch import nn


def net(choose):
    x = {"a": nn.Identity, "b": nn.ReLU}
    return nn.Sequential(nn.Flatten(), choose("c", x), nn.Linear(64, 7))
