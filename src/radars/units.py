"""Bytes, counts, shapes and seconds: read from text, and printed for people."""

import math
import re

from radars.errors import ConfigError

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB
TIB = 1024 * GIB
CUDA_BLOCK_BYTES = 512
"""What CUDA's allocator rounds the bytes of every tensor up to."""

_NUMBER = r"[0-9]*\.?[0-9]+(?:e[+-]?[0-9]+)?"
_COUNT_SUFFIXES = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "b": 1e9, "t": 1e12}
_BYTES_PER_UNIT = {
    "": 1, "b": 1,
    "k": 1000, "kb": 1000, "kib": KIB,
    "m": 1000**2, "mb": 1000**2, "mib": MIB,
    "g": 1000**3, "gb": 1000**3, "gib": GIB,
    "t": 1000**4, "tb": 1000**4, "tib": TIB,
}  # fmt: skip


def rounded_up(num_bytes: int, unit_bytes: int) -> int:
    """The least multiple of a unit that is no less."""
    return -(-num_bytes // unit_bytes) * unit_bytes


def parse_bytes(text: str | int) -> int:
    """Reads a number of bytes: `268435456`, `"256MiB"`, `"1.5 GB"`.

    Units ending in `iB` are powers of 1024, the others powers of 1000.

    Raises:
        ConfigError: the text is not a positive, finite number of bytes.
    """
    match = re.fullmatch(rf"\s*({_NUMBER})\s*([a-z]*)\s*", str(text).lower())
    number = float(match[1]) if match else math.nan
    unit_bytes = _BYTES_PER_UNIT.get(match[2]) if match else None
    if unit_bytes is None or not 1 <= number * unit_bytes < 2**63:
        raise ConfigError(
            f"a size in bytes is a positive number with a unit, but got {str(text)!r}; "
            f"write it like 256MiB or 12GiB"
        )
    return int(number * unit_bytes)


def parse_count(text: str | float) -> float:
    """Reads a count: `40e6`, `"40M"`, `"1.5 G"`; k, M, G (or B) and T are powers of 1000.

    Raises:
        ConfigError: the text is not a positive, finite number.
    """
    match = re.fullmatch(rf"\s*({_NUMBER})\s*([kmgbt]?)\s*", str(text).lower())
    count = float(match[1]) * _COUNT_SUFFIXES[match[2]] if match else math.nan
    if not 0 < count < math.inf:
        raise ConfigError(
            f"a count is a positive number, with or without k, M, G or T, but got {str(text)!r}; "
            f"write it like 40M or 40e6"
        )
    return count


def format_bytes(num_bytes: int) -> str:
    """Prints bytes with the largest unit of 1024 that fits: `256.0 MiB`."""
    for unit_bytes, unit in ((TIB, "TiB"), (GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")):
        if abs(num_bytes) >= unit_bytes:
            return f"{num_bytes / unit_bytes:.1f} {unit}"
    return f"{num_bytes} B"


def format_count(count: float) -> str:
    """Prints a count with a suffix of 1000: `39.0M`; very large counts as `1.5e+11`."""
    if abs(count) >= 1e15:
        return f"{count:.1e}"
    for scale, suffix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(count) >= scale:
            return f"{count / scale:.1f}{suffix}"
    return f"{count:.0f}"


def format_whole(count: int) -> str:
    """Prints a count that is known exactly: `1,024`; from a million as `format_count`."""
    return f"{count:,}" if abs(count) < 1_000_000 else format_count(count)


def format_seconds(seconds: float) -> str:
    """Prints a duration: `8.2 s`, `3 min 20 s`, `2 h 05 min`."""
    if seconds < 59.95:  # above, it would be printed as 60.0 s
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def parse_shape(text: str) -> tuple[int, ...]:
    """Reads `3x224x224`.

    Raises:
        ConfigError: it is not positive whole numbers with `x` between.
    """
    if not re.fullmatch(r"[1-9][0-9]{0,6}(x[1-9][0-9]{0,6})*", text):
        raise ConfigError(
            f"an input shape is whole numbers with x between, but got {text!r}; "
            f"write it like 3x224x224"
        )
    return tuple(map(int, text.split("x")))


def format_shape(shape: tuple[int, ...]) -> str:
    """Prints a shape: `3x224x224`."""
    return "x".join(map(str, shape))
