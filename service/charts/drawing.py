"""From a figure to a picture; what runs in a process that draws."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import altair as alt
import vl_convert

from engine import Progress
from service.charts import (
    caterpillar,
    intercepts,
    lines,
    map,  # noqa: A004  it draws maps
    predictive,
    profiles,
    quantiles,
    residuals,
    shrinkage,
    sizes,
    theme,
)
from service.plots.figure import Figure

_NUMBERED: Final = re.compile(r'\bid="([a-z_]+[0-9]+)"')
_REFERENCE: Final = re.compile(r'(="url\(|href=")#([a-z_]+[0-9]+)(\)"|")')

CHARTS: Final[Mapping[str, Callable[[Figure], Any]]] = {
    "binned": residuals.binned,
    "caterpillar": caterpillar.caterpillar,
    "intercepts": intercepts.intercepts,
    "lines": lines.lines,
    "map": map.county_map,
    "predictive": predictive.predictive,
    "profiles": profiles.profiles,
    "quantiles": quantiles.quantiles,
    "residuals": residuals.residuals,
    "shrinkage": shrinkage.shrinkage,
    "sizes": sizes.sizes,
}
"""The charts by the name that figures have them by."""

VEGA_LITE: Final = ".".join(alt.SCHEMA_VERSION.removeprefix("v").split(".")[:2])


def chart(figure: Figure) -> Any:
    """Return the chart of a figure."""
    return theme.finish(CHARTS[figure.chart](figure), figure)


def specification(figure: Figure) -> str:
    """Return the Vega-Lite JSON of a figure, checked by its schema, the same every time."""
    spec = chart(figure).to_dict()
    return json.dumps(spec, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def draw(figure: Figure, form: str, scale: float, *, progress: Progress) -> bytes:
    """Return a figure as ``vega-lite``, ``svg`` or ``png``; nothing is loaded from anywhere."""
    progress(0.0, "drawing")
    spec = specification(figure)
    if form == "png":
        return vl_convert.vegalite_to_png(
            spec, vl_version=VEGA_LITE, scale=scale, allowed_base_urls=[]
        )
    if form == "svg":
        picture = vl_convert.vegalite_to_svg(spec, vl_version=VEGA_LITE, allowed_base_urls=[])
        return accessible(renumbered(picture), figure).encode()
    return spec.encode()


def renumbered(picture: str) -> str:
    """Return an SVG whose parts are numbered from 1, whatever was drawn before it."""
    names = dict.fromkeys(_NUMBERED.findall(picture))
    by_name = {name: f"part{i}" for i, name in enumerate(names, 1)}
    picture = _NUMBERED.sub(lambda found: f'id="{by_name[found[1]]}"', picture)
    return _REFERENCE.sub(
        lambda found: f"{found[1]}#{by_name.get(found[2], found[2])}{found[3]}", picture
    )


def accessible(picture: str, figure: Figure) -> str:
    """Return an SVG that says in words what it shows."""
    title, alternative = _escaped(figure.title), _escaped(figure.alt)
    head = '<svg role="img" aria-labelledby="plot-title plot-alt" '
    words = f'<title id="plot-title">{title}</title><desc id="plot-alt">{alternative}</desc>'
    opened, rest = picture.replace("<svg ", head, 1).split(">", 1)
    return f"{opened}>{words}{rest}"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def bundle(snippet: str, *, progress: Progress) -> tuple[bytes, bytes]:
    """Return Vega, Vega-Lite and Vega-Embed as one script, with ``snippet``: plain, and by gzip."""
    progress(0.0, "bundling")
    script = vl_convert.javascript_bundle(snippet, vl_version=VEGA_LITE).encode()
    return script, gzip.compress(script, 9, mtime=0)
