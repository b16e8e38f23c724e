net = 3
