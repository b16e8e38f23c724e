from torch import nn


def net(choose):
    return choose(3, {"a": nn.Identity, "b": nn.ReLU})
