def other(choose):
    return None
