"""`share_of_time`: how much of the time that is left a phase of `radars` may take."""

from typing import Literal

from radars.engine.search_config import SearchConfig

Phase = Literal["explore", "differentiate"]


def share_of_time(phase: Phase, round_index: int, config: SearchConfig) -> float:
    """The share of a phase in the time that is left when it begins.

    What a phase takes beyond its share, or leaves of it, is shared by those after it.

    Args:
        phase: that begins.
        round_index: the index of its round.
        config: how many rounds there are, whether they differentiate, and the share of each phase.
    """
    explore, differentiate = config.explore.share, config.differentiate.share
    select = 1.0 - explore - differentiate
    if config.differentiate.steps == 0:
        differentiate = 0.0
    num_rounds = config.num_rounds
    shares = {"explore": explore / num_rounds, "differentiate": differentiate / num_rounds}
    num_left = num_rounds - round_index  # of rounds, this one among them
    left = num_left * sum(shares.values()) + select
    if phase == "differentiate":
        left -= shares["explore"]  # which is over
    return shares[phase] / left
