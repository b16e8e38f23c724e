"""`check_architecture`: whether a mapping is an architecture of a space, and what is wrong."""

from collections.abc import Mapping, Sequence

from radars.errors import SpaceError
from radars.space.choose import Candidate, Choice
from radars.space.conditions import Conditions
from radars.space.keep import Keep
from radars.space.subspace import Architecture


def check_architecture(
    candidate: Mapping[str, Candidate],
    space_name: str,
    choices: Sequence[Choice],
    conditions: Conditions,
    rules: Sequence[Keep],
) -> Architecture:
    """Checks that a mapping is an architecture of a space, and orders it as the space.

    Args:
        candidate: what is checked.
        space_name: for the error.
        choices: the choices of the space.
        conditions: which of them are made.
        rules: what every architecture keeps.

    Raises:
        SpaceError: a choice is missing or unknown, or a candidate is; or a rule is broken.
    """
    candidate = Architecture(candidate)
    known = conditions.made(candidate)
    made = [each for each in choices if conditions.is_made(each.name, known)]
    names = {choice.name for choice in made}
    missing = [choice.name for choice in made if choice.name not in candidate]
    unknown = [name for name in candidate if name not in names]
    if missing or unknown:
        number = f"each of its {len(choices)} choices"
        raise SpaceError(
            f"an architecture of {space_name!r} names "
            f"{'each choice that it makes' if conditions else number} "
            f"once; missing: {missing or 'none'}, unknown: {unknown or 'none'}"
        )
    for choice in made:
        if candidate[choice.name] not in choice.candidates:
            raise SpaceError(
                f"choice {choice.name!r} of {space_name!r} has the candidates "
                f"{list(choice.candidates)}, but got {candidate[choice.name]!r}; "
                "give one of these"
            )
    for rule in rules:
        if not rule.allows(candidate):
            taken = {choice: candidate[choice] for choice in rule.choices}
            raise SpaceError(
                f"exactly {rule.number} of {len(rule.choices)} choices of {space_name!r} take "
                f"something other than {rule.nothing!r}, but got {taken}; change one"
            )
    return Architecture({choice.name: candidate[choice.name] for choice in made})
