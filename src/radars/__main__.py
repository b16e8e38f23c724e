"""`python -m radars`: the command line."""

from radars.cli.start import main

main()
