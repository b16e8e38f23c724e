"""Seeds that depend on what they are for, not on how often something was drawn before."""

import hashlib


def stable_seed(*parts: object) -> int:
    """A seed in [0, 2**56) from any printable parts; the same in every process and version."""
    digest = hashlib.sha256("|".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:7], "little")
