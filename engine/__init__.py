"""Linear mixed models by maximum likelihood and REML: arrays and tables in, frozen results out."""

from engine.version import __version__

__all__ = ["__version__"]
