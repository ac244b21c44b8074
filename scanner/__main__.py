"""Run the command line with `python -m scanner`."""

from scanner.cli import main

main()
