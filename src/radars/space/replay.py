"""`replayed`: a run of a network function, whose errors name the space and the line."""

from torch import nn

from radars.errors import SpaceError, first_line, raised_at
from radars.space.choose import Choose, Network


def replayed(function: Network, choose: Choose, name: str) -> nn.Module:
    """Runs the network function of a space.

    Args:
        function: the function.
        choose: what it is given.
        name: the name of the space.

    Raises:
        SpaceError: the function fails or returns something that is not a module.
    """
    try:
        network = function(choose)
    except SpaceError:
        raise
    except (Exception, SystemExit) as error:
        raise SpaceError(
            f"the network function of {name!r} raised {type(error).__name__}: "
            f"{first_line(error)}{raised_at(error)}; it is run for each architecture anew, and "
            f"must build all of them"
        ) from error
    if not isinstance(network, nn.Module):
        raise SpaceError(
            f"the network function of {name!r} returns an nn.Module, but returned "
            f"{type(network).__name__}; end it with the module"
        )
    return network
