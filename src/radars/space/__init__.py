"""Search spaces: what can be chosen, and how to build a network from what was chosen."""

from radars.space.blueprint import blank_output, building, built, content_of, run_without_values
from radars.space.choose import (
    Candidate,
    Candidates,
    Choice,
    Choose,
    Factory,
    Network,
    Offer,
    is_candidate,
    name_of,
    offer_of,
    plain_value,
)
from radars.space.code_content import is_library, is_library_function, modules_of
from radars.space.conditions import ALWAYS, Conditions, drawn_index
from radars.space.definition import definition_of
from radars.space.fingerprint import fingerprint, operations_of, origins_of, user_classes
from radars.space.flow import Flow
from radars.space.keep import Keep, best_keeping
from radars.space.outputs import check_output
from radars.space.search_space import SearchSpace
from radars.space.shapes import Place, trace_places
from radars.space.subspace import Architecture, Subspace
from radars.space.uniform_draws import UniformDraws

__all__ = [
    "ALWAYS",
    "Architecture",
    "Candidate",
    "Candidates",
    "Choice",
    "Choose",
    "Conditions",
    "Factory",
    "Flow",
    "Keep",
    "Network",
    "Offer",
    "Place",
    "SearchSpace",
    "Subspace",
    "UniformDraws",
    "best_keeping",
    "blank_output",
    "building",
    "built",
    "check_output",
    "content_of",
    "definition_of",
    "drawn_index",
    "fingerprint",
    "is_candidate",
    "is_library",
    "is_library_function",
    "modules_of",
    "name_of",
    "offer_of",
    "operations_of",
    "origins_of",
    "plain_value",
    "run_without_values",
    "trace_places",
    "user_classes",
]
