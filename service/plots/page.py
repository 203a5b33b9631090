"""A plot as a page: Vega from the service itself, and nothing from anywhere else."""

from __future__ import annotations

import hashlib
import json
from html import escape
from typing import Any, Final

from service.plots.pictures import bundle_name

CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; img-src data: blob:; "
    "frame-ancestors 'none'; base-uri 'none'"
)
"""What the page may do: scripts of the service alone, and no `eval` in them."""

# The interpreter of expressions makes Vega do without `eval`.
SCRIPT: Final = b"""\
"use strict";
const spec = JSON.parse(document.getElementById("spec").textContent);
const place = document.getElementById("plot");
const actions = {export: true, source: false, compiled: false, editor: false};
vegaEmbed(place, spec, {mode: "vega-lite", renderer: "svg", ast: true, actions}).then(
  () => { document.documentElement.dataset.drawn = "yes"; },
  (error) => { place.textContent = "The plot cannot be drawn."; throw error; },
);
"""

_STYLE: Final = """
body{font:16px/1.5 system-ui,sans-serif;margin:0;padding:1rem;color:#222;background:#fff}
#plot{overflow-x:auto}p{max-width:60rem}
h1{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
"""


def script_name() -> str:
    """Return the file name of what shows the plot of a page."""
    return f"plot-{hashlib.sha256(SCRIPT).hexdigest()[:16]}.js"


def page(specification: bytes, links: dict[str, str]) -> bytes:
    """Return the page of a plot; ``links`` are its other forms."""
    spec: dict[str, Any] = json.loads(specification)
    title, alt = spec["title"]["text"], spec["description"]
    others = " · ".join(
        f"<a href='{escape(href)}'>{escape(form)}</a>" for form, href in links.items()
    )
    data = specification.decode().replace("<", "\\u003c")  # no text of the data ends the block
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width,initial-scale=1'>"
        f"<title>{escape(title)}</title><style>{_STYLE}</style>"
        f"<script id='spec' type='application/json'>{data}</script>"
        f"<script defer src='/static/{bundle_name()}'></script>"
        f"<script defer src='/static/{script_name()}'></script></head><body>"
        f"<main><h1>{escape(title)}</h1>"
        f"<div id='plot' role='img' aria-label='{escape(alt)}'></div>"
        f"<p>{escape(alt)}</p><p>{others}</p></main></body></html>"
    ).encode()
