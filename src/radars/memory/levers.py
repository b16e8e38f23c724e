"""`Levers`: what trades time for memory in a training step."""

from collections.abc import Iterator
from dataclasses import dataclass

_PASSES = 5  # of an iteration
_PASSES_RECOMPUTED = 2


@dataclass(frozen=True)
class Levers:
    """How a training step is made to fit.

    Attributes:
        recompute: mixtures keep only their input, and run each candidate again in the backward
            pass. Changes no result.
        micro_batches: into how many parts a batch is split, one after the other, with gradients
            accumulated. BatchNorm sees the parts, not the batch.
    """

    recompute: bool = False
    micro_batches: int = 1

    @property
    def names(self) -> tuple[str, ...]:
        """Those that are on, as people read them."""
        recompute = ("recompute",) if self.recompute else ()
        split = (f"micro_batches={self.micro_batches}",) if self.micro_batches > 1 else ()
        return recompute + split

    def time_ratio(self, candidates_share: float) -> float:
        """The expected time of an iteration, as a multiple of that without levers.

        By arithmetic alone: a forward pass, its gradients to activations, and those to weights cost
        1 each, and an iteration is a weights step (3) and an architecture step (2, since weights
        are frozen). Recomputing runs the candidates forward once more in each. Splitting a batch
        costs nothing by that count, though the parts may keep the device less busy.

        Args:
            candidates_share: which part of the network's multiply-accumulates is in candidates.
        """
        return 1.0 + self.recompute * candidates_share * _PASSES_RECOMPUTED / _PASSES


PLAIN = Levers()


def lever_settings(*, recompute: bool, max_micro_batches: int, batch_size: int) -> Iterator[Levers]:
    """Yields what is allowed, cheapest first: as it is, recomputed, then split in more and more.

    Args:
        recompute: whether recomputation is allowed.
        max_micro_batches: the most parts that a batch may be split into.
        batch_size: examples in a batch; a part has two at least, or BatchNorm has no statistics.
    """
    yield PLAIN
    if recompute:
        yield Levers(recompute=True)
    micro_batches = 2
    while micro_batches <= min(max_micro_batches, batch_size // 2):
        yield Levers(recompute, micro_batches)
        micro_batches *= 2
