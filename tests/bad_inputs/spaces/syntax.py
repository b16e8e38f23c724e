def net(choose:
