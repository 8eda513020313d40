"""`python -m sfbench`: the command line, where its script is not on the path."""

from analysis.cli import main

main()
