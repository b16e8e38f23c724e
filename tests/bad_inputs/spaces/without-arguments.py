def net():
    return None
