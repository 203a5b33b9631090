"""The command line: ``partialpool serve | fit | effects | predict | radon | ...``."""

from partialpool.cli.running import main

__all__ = ["main"]
