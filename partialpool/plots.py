"""A plot, in the form that it was asked for."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.schemas.plots import PlotFormat


@dataclass(frozen=True, repr=False)
class Plot:
    """A plot of a model; a notebook shows it.

    Attributes:
        name: as ``caterpillar``.
        format: ``svg``, ``png``, ``html`` or ``vega-lite``.
        content: the picture, the page or the JSON.
    """

    name: str
    format: PlotFormat
    content: bytes

    @property
    def spec(self) -> dict[str, Any]:
        """The Vega-Lite specification, with its data; raises ``ValueError`` for other forms."""
        if self.format != "vega-lite":
            raise ValueError(f"the plot is {self.format}: ask for format='vega-lite'")
        found: dict[str, Any] = json.loads(self.content)
        return found

    def save(self, path: str | Path) -> Path:
        """Write the plot to a file, and return where."""
        target = Path(path)
        target.write_bytes(self.content)
        return target

    def __repr__(self) -> str:
        return f"<Plot {self.name}: {self.format}, {len(self.content)} bytes>"

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        """What IPython and Jupyter show."""
        plain = {"text/plain": repr(self)}
        match self.format:
            case "svg":
                return {"image/svg+xml": self.content.decode(), **plain}
            case "png":
                return {"image/png": base64.b64encode(self.content).decode(), **plain}
            case "html":
                return plain
        return {f"application/vnd.vegalite.v{self._edition()}+json": self.spec, **plain}

    def _edition(self) -> str:
        """The major version of Vega-Lite that the specification is written in."""
        return str(self.spec["$schema"]).rpartition("/v")[2].partition(".")[0]
