"""`python -m radars`: the command line."""

from radars.cli import main

main()
