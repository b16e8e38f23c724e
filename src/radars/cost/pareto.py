"""`pareto_front`: what nothing else is better than in every respect."""

from collections.abc import Sequence

import numpy as np


def pareto_front(points: Sequence[Sequence[float]]) -> list[bool]:
    """Which points no other dominates: is at least as large in all numbers and larger in one.

    Args:
        points: P points of as many numbers each, all of which should be large.

    Returns:
        For each point, whether it is on the front; of equal points, all are or none is.
    """
    if not points:
        return []
    point_PN = np.array(points, dtype=float)
    return [
        not bool(np.any((point_PN >= point_N).all(1) & (point_PN > point_N).any(1)))
        for point_N in point_PN
    ]
