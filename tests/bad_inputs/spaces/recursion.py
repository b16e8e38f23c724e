def net(choose):
    return net(choose)
