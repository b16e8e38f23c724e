"""`python -m radars`: the command line."""

from radars.cli.app import main

main()
