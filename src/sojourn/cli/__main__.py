"""`python -m sojourn.cli`: the command where no script is installed."""

from sojourn.cli import main

main()
