"""Run the command with `python -m timeline`."""

from timeline.cli import main

main()
