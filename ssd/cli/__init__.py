"""The `ssd` command."""

from ssd.cli.parser import main

__all__ = ["main"]
