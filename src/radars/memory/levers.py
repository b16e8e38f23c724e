"""`Levers`: what trades time for memory in a training step."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

_PASSES = 5  # of an iteration
_PASSES_RECOMPUTED = 2
_PARTS_RECOMPUTED = (0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Levers:
    """How a training step is made to fit.

    Attributes:
        recompute: the fraction of the mixtures, in the order of the forward pass, that keep only
            their input, and run each candidate again in the backward pass. The first have the
            largest maps, and keep them the longest. Changes no result.
        micro_batches: into how many parts a batch is split, one after the other, with gradients
            accumulated. BatchNorm sees the parts, not the batch.
    """

    recompute: float = 0.0
    micro_batches: int = 1

    @property
    def names(self) -> tuple[str, ...]:
        """Those that are on, as people read them."""
        recompute: tuple[str, ...] = ()
        if self.recompute:
            recompute = ("recompute" if self.recompute == 1 else f"recompute={self.recompute:g}",)
        split = (f"micro_batches={self.micro_batches}",) if self.micro_batches > 1 else ()
        return recompute + split

    def of_mixture(self, index: int, num_mixtures: int) -> "Levers":
        """What they are for one mixture, which is recomputed or is not."""
        return replace(self, recompute=float(index < self.recompute * num_mixtures))

    @staticmethod
    def time_ratio(recomputed_share: float) -> float:
        """The expected time of an iteration, as a multiple of that without levers.

        By arithmetic alone: a forward pass, its gradients to activations, and those to weights cost
        1 each, and an iteration is a weights step (3) and an architecture step (2, since weights
        are frozen). Recomputing runs the candidates forward once more in each. Splitting a batch
        costs nothing by that count, though the parts may keep the device less busy.

        Args:
            recomputed_share: which part of the network's multiply-accumulates is in candidates
                that are recomputed.
        """
        return 1.0 + recomputed_share * _PASSES_RECOMPUTED / _PASSES


PLAIN = Levers()


def lever_settings(*, recompute: bool, max_micro_batches: int, batch_size: int) -> Iterator[Levers]:
    """Yields what is allowed, cheapest first: more and more is recomputed, then batches are split.

    Args:
        recompute: whether recomputation is allowed.
        max_micro_batches: the most parts that a batch may be split into.
        batch_size: examples in a batch; a part has two at least, or BatchNorm has no statistics.
    """
    yield PLAIN
    if recompute:
        yield from (Levers(recompute=part) for part in _PARTS_RECOMPUTED)
    micro_batches = 2
    while micro_batches <= min(max_micro_batches, batch_size // 2):
        yield Levers(float(recompute), micro_batches)
        micro_batches *= 2
