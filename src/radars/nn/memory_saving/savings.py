"""`MemorySavings`: what trades time for memory in a training step."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

_PASSES = 5  # of an iteration
_CHEAP = 0.05  # of an iteration's time, in each of its steps, on a CPU: benchmarks/step.py
_PARTS = tuple(part / 16 for part in range(1, 17))
_PARTS_SPLIT = (0.25, 1.0)


@dataclass(frozen=True)
class MemorySavings:
    """How a training step is made to fit.

    Attributes:
        selective: the fraction of the mixtures, in the order of the forward pass, whose candidates
            keep no map that is cheap to compute again
            (`radars.nn.memory_saving.selective_checkpointing`); of the last of them, some. The
            first have the largest maps, and keep them the longest. Where it is not 0, what is
            outside of mixtures keeps none either. Changes results by rounding only.
        recompute: the fraction of the mixtures, likewise, whose candidates keep only their input,
            and are run again in the backward pass
            (`radars.nn.memory_saving.activation_checkpointing`). Changes no result.
        split_channels: the fraction of the mixtures, the first ones, whose candidates are run in
            parts of their channels when they are recomputed, where they allow it
            (`radars.nn.memory_saving.channel_splitting`). Changes results by rounding only.
        micro_batches: into how many parts a batch is split, one after the other, with gradients
            accumulated. BatchNorm sees the parts, not the batch.
    """

    selective: float = 0.0
    recompute: float = 0.0
    split_channels: float = 0.0
    micro_batches: int = 1

    @property
    def names(self) -> tuple[str, ...]:
        """Those that are on, as people read them."""
        fractions = {
            "selective": self.selective,
            "recompute": self.recompute,
            "split_channels": self.split_channels,
        }
        of_mixtures = tuple(
            name if fraction == 1 else f"{name}={fraction:g}"
            for name, fraction in fractions.items()
            if fraction
        )
        split = (f"micro_batches={self.micro_batches}",) if self.micro_batches > 1 else ()
        return of_mixtures + split

    @property
    def is_split(self) -> bool:
        """Whether channels or batches are run in parts."""
        return self.split_channels > 0 or self.micro_batches > 1

    @lru_cache(maxsize=4096)  # noqa: B019 - asked at every step; the few settings live on anyway
    def of_mixture(self, index: int, num_mixtures: int) -> "MemorySavings":
        """What they are for one mixture, where each may be on for a part of the candidates."""

        def part(fraction: float) -> float:
            return min(max(fraction * num_mixtures - index, 0.0), 1.0)

        return replace(
            self,
            selective=part(self.selective),
            recompute=part(self.recompute),
            split_channels=float(index < self.split_channels * num_mixtures),
        )

    @lru_cache(maxsize=4096)  # noqa: B019
    def of_candidate(self, index: int, num_candidates: int) -> "MemorySavings":
        """What those of a mixture are for one of its candidates: each is on or off."""

        def is_on(fraction: float) -> float:
            return float(index < round(fraction * num_candidates))

        return replace(self, selective=is_on(self.selective), recompute=is_on(self.recompute))

    def of_candidates(self, nums_candidates: Sequence[int]) -> Iterator[list["MemorySavings"]]:
        """Yields what they are for the candidates of each mixture: each is on or off.

        Args:
            nums_candidates: how many candidates each mixture has, in the order of the forward pass.
        """
        for index, num_candidates in enumerate(nums_candidates):
            of_mixture = self.of_mixture(index, len(nums_candidates))
            yield [of_mixture.of_candidate(own, num_candidates) for own in range(num_candidates)]

    @property
    def extra_passes(self) -> float:
        """How often a candidate is run forward again for each backward pass."""
        return self.recompute * (1 + self.split_channels)


PLAIN = MemorySavings()


def extra_time(again: float, cheap: float) -> float:
    """What savings are expected to add to a step, as a part of an iteration without them.

    By arithmetic: a forward pass, its gradients to activations, and those to weights cost 1 each,
    and an iteration is a weights step (3) and an architecture step (2, since weights are frozen).
    Recomputing runs the candidates forward once more, and splitting their channels once more again.
    Splitting a batch costs nothing by that count, though the parts may keep the device less busy.
    What is cheap is not in that count: it was measured.

    Args:
        again: the multiply-accumulates of all extra passes, as a part of those of the network.
        cheap: the part of the bytes saved by the network that is at candidates that are selective.
    """
    return again / _PASSES + _CHEAP * cheap


def saving_settings(
    *,
    recompute: bool,
    split_channels: bool = True,
    selective: bool = True,
    max_micro_batches: int,
    batch_size: int,
) -> Iterator[MemorySavings]:
    """Yields what is allowed, cheapest first.

    More and more of what is cheap is recomputed, then more and more of the rest; then that in parts
    of its channels; then batches are split.

    Args:
        recompute: whether recomputation is allowed.
        split_channels: whether what is recomputed may be run in parts of its channels.
        selective: whether what is cheap may be recomputed alone.
        max_micro_batches: the most parts that a batch may be split into.
        batch_size: examples in a batch; a part has two at least, or BatchNorm has no statistics.
    """
    dearest = PLAIN
    yield dearest
    if selective:
        yield from (MemorySavings(selective=part) for part in _PARTS)
        dearest = MemorySavings(selective=1.0)
    if recompute:
        yield from (replace(dearest, recompute=part) for part in _PARTS)
        dearest = replace(dearest, recompute=1.0)
    if recompute and split_channels:
        yield from (replace(dearest, split_channels=part) for part in _PARTS_SPLIT)
        dearest = replace(dearest, split_channels=1.0)
    micro_batches = 2
    while micro_batches <= min(max_micro_batches, batch_size // 2):
        yield replace(dearest, micro_batches=micro_batches)
        micro_batches *= 2
