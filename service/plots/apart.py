"""What processes that draw do: the libraries for it are loaded there alone."""

from __future__ import annotations

from typing import Final

from engine import Progress
from service.plots.figure import Figure

GLOBALS: Final = "Object.assign(window, {vega, vegaLite, vegaEmbed});"
"""What the script that draws in a browser leaves behind."""


def draw(figure: Figure, form: str, scale: float, *, progress: Progress) -> bytes:
    """Return a figure as ``vega-lite``, ``svg`` or ``png``."""
    from service.charts import drawing

    return drawing.draw(figure, form, scale, progress=progress)


def bundle(*, progress: Progress) -> tuple[bytes, bytes]:
    """Return the script that draws in a browser: plain, and by gzip."""
    from service.charts import drawing

    return drawing.bundle(GLOBALS, progress=progress)
