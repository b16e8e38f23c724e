"""Learning rates as factors of the highest one, by the fraction of the training that is done."""

import math

_WARMUP_FRACTION = 0.15


def cosine(fraction: float) -> float:
    """Cosine decay from 1 to 0."""
    return 0.5 * (1.0 + math.cos(math.pi * fraction))


def one_cycle(fraction: float) -> float:
    """Linear warm-up, then linear decay to zero."""
    if fraction < _WARMUP_FRACTION:
        return (fraction + 0.01) / (_WARMUP_FRACTION + 0.01)
    return (1.0 - fraction) / (1.0 - _WARMUP_FRACTION)
