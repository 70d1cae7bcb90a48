"""`python -m pagemill` is the command line."""

from pagemill.cli import main

main()
