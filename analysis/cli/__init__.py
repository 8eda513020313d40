"""The command line `sfbench`."""

from analysis.cli.app import main

__all__ = ["main"]
