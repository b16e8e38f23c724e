"""Where the command line begins: with ears for Ctrl-C, before anything that takes time."""

import sys

from radars.cli.stopping import listen, stop_listening

_STOPPED = 130


def main() -> None:
    """Runs the command line; being stopped while it is loaded is one line, too."""
    listen()
    try:
        try:
            from radars.cli.app import main as run  # takes a while
        except KeyboardInterrupt:
            print("stopped", file=sys.stderr)
            sys.exit(_STOPPED)
        run()
    finally:
        stop_listening()
        # Ctrl-C within the `exec` of a text, as dataclasses are made by, is noted by Python as if
        # nobody had caught it, until the next one: it would end by the signal, without its status
        exec("")
