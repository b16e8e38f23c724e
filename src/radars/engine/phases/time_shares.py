"""`share_of_time`: how much of the time that is left a phase of `radars` may take."""

from typing import Literal

from radars.engine.search_config import SearchConfig

Phase = Literal["explore", "differentiate", "select"]

_SHARES: dict[Phase, float] = {"explore": 0.3, "differentiate": 0.1, "select": 0.6}
"""Of a whole search; those of explore and differentiate over all rounds."""


def share_of_time(phase: Phase, round_index: int, config: SearchConfig) -> float:
    """Of the time that is left when the phase begins.

    What a phase takes beyond its share, or leaves of it, is shared by those after it.

    Args:
        phase: that begins.
        round_index: the index of its round.
        config: how many rounds there are, and whether they differentiate.
    """
    num_rounds = config.num_rounds
    shares = {
        "explore": _SHARES["explore"] / num_rounds,
        "differentiate": _SHARES["differentiate"] / num_rounds,
    }
    if config.differentiate.steps == 0:
        shares["differentiate"] = 0.0
    if phase == "select":
        return 1.0
    num_left = num_rounds - round_index  # of rounds, this one among them
    left = num_left * sum(shares.values()) + _SHARES["select"]
    if phase == "differentiate":
        left -= shares["explore"]  # which is over
    return shares[phase] / left
