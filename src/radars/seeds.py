"""Seeds that depend on what they are for, not on how often something was drawn before."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch


def stable_seed(*parts: object) -> int:
    """A seed in [0, 2**56) from any printable parts; the same in every process and version."""
    digest = hashlib.sha256("|".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:7], "little")


def seed_torch(*parts: object) -> None:
    """Seeds what PyTorch draws from now on by `stable_seed`.

    Where there is no accelerator, `torch.manual_seed` writes down a stack for one all the same,
    which takes a millisecond: as long as a small step.
    """
    seed = stable_seed(*parts)
    if _has_accelerator():
        torch.manual_seed(seed)
    else:
        torch.default_generator.manual_seed(seed)


@contextmanager
def drawn_on_host(seed: int | None, *parts: object) -> Iterator[None]:
    """Within, what PyTorch draws on the host goes by `stable_seed`; after that, as before.

    The generators of GPUs are left alone.

    Args:
        seed: the first of the parts of the seed; None where nobody reads what is drawn.
        parts: the others.
    """
    if seed is None:
        yield
        return
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(stable_seed(seed, *parts))
        yield


@cache
def _has_accelerator() -> bool:
    """Whether there is one; asked once, as the driver is looked for each time."""
    return torch.accelerator.is_available()
