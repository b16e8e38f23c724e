from torch import nn


def net(choose):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
