"""The command line: ``partialpool serve | fit | effects | predict | summarise | merge | keys``."""

from partialpool.cli.running import main

__all__ = ["main"]
