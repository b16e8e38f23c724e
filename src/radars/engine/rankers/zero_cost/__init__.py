"""Zero-cost proxies: what a few batches say of a network with fresh weights."""
