"""Architectures in the files of a run, as pydantic reads them."""

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

from radars.space import Architecture, is_candidate, name_of, plain_value

CandidateName = Annotated[str, BeforeValidator(name_of)]
"""A candidate as people read it: a value as JSON has it."""


def _of_candidates(taken: dict[str, Any]) -> dict[str, Any]:
    for choice, candidate in taken.items():
        if not is_candidate(plain_value(candidate)):
            raise ValueError(f"{choice!r} takes {candidate!r}, not a name or a value such as 24")
    return dict(Architecture(taken))


StoredArchitecture = Annotated[dict[str, Any], AfterValidator(_of_candidates)]
"""An architecture: choice to name or value, with tuples for lists."""
