"""`LongestIdle`: what a place holds that is not used; if it is too much, the longest idle leave."""

from collections.abc import Iterator


class LongestIdle:
    """Things by key, in the order in which they became idle.

    Attributes:
        room_bytes: the most that they may hold together.

    Args:
        room_bytes: likewise, at first.
    """

    def __init__(self, room_bytes: float) -> None:
        self.room_bytes = room_bytes
        self._bytes: dict[str, int] = {}

    @property
    def held_bytes(self) -> int:
        """What they hold together."""
        return sum(self._bytes.values())

    def add(self, key: str, num_bytes: int) -> None:
        """It is idle from now on, and holds so much."""
        self._bytes[key] = num_bytes

    def remove(self, key: str) -> bool:
        """It is used from now on; returns whether it was here."""
        return self._bytes.pop(key, None) is not None

    def leaving(self) -> Iterator[str]:
        """Those that there is no room for, the longest idle first; each is gone once yielded."""
        while self._bytes and self.held_bytes > self.room_bytes:
            oldest = next(iter(self._bytes))
            del self._bytes[oldest]
            yield oldest
