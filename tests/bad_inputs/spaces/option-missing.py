from torch import nn


def net(choose, depth):
    return nn.Identity()
