"""The dashboard: static files, read and compressed once, all under one name for their content."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from functools import cache
from html import escape
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from msgspec import Struct

from service.plots.pictures import bundle_name
from service.radon.places import HOME, STATES
from service.radon.tables import OUTLINES

CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
)
"""What the dashboard may do: scripts, styles and requests of the service alone, nothing inline."""

MEDIA: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}

_HERE: Final = Path(__file__).parent
_FIRST: Final = "scripts/first.js"
_COUNTIES: Final = "/v1/radon/counties?" + urlencode(
    {"state": HOME, "floor": "basement", "unit": "pCi/L", "limit": 1000}
)
"""What the page asks first, as its scripts write it."""


class Asset(Struct, frozen=True):
    """A file as it is sent.

    Attributes:
        media: its media type.
        plain: its bytes.
        squeezed: the same by gzip.
        etag: strong entity tag of its content.
    """

    media: str
    plain: bytes
    squeezed: bytes
    etag: str


@cache
def assets() -> Mapping[str, Asset]:
    """Return all files by their paths; scripts and styles name each other by relative ones."""
    files = {
        path.relative_to(_HERE).as_posix(): path.read_bytes()
        for path in sorted(_HERE.rglob("*"))
        if path.suffix in MEDIA and path.name != "index.html"
    }
    files |= {_outlines(state): (OUTLINES / f"{state}.geojson").read_bytes() for state in STATES}
    return {name: _asset(name, content) for name, content in files.items()}


@cache
def edition() -> str:
    """Return the name of the folder that all files are in: it changes when any of them does."""
    told = "".join(f"{name} {asset.etag}\n" for name, asset in assets().items())
    return hashlib.sha256(told.encode()).hexdigest()[:16]


@cache
def front() -> Asset:
    """Return the page itself, which names the files of this edition and Vega's."""
    base = f"/dashboard/{edition()}"
    modules = "\n".join(
        f'<link rel="modulepreload" href="{base}/{name}">'
        for name in assets()
        if name.endswith(".js") and "/analyst/" not in name and name != _FIRST
    )
    states = "".join(
        f"<option value={code}{' selected' * (code == HOME)}>{name}</option>"
        for code, name in STATES.items()
    )
    page = (_HERE / "index.html").read_text(encoding="utf-8")
    for mark, text in {
        "BASE": base,
        "VEGA": f"/static/{bundle_name()}",
        "MODULES": modules,
        "STATES": states,
        "FIRST": escape(f"{_COUNTIES} {base}/{_outlines(HOME)}"),
    }.items():
        page = page.replace(f"%{mark}%", text)
    return _asset("index.html", page.encode())


def _outlines(state: str) -> str:
    return f"outlines/{state}.json"


def _asset(name: str, content: bytes) -> Asset:
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    return Asset(MEDIA[Path(name).suffix], content, gzip.compress(content, 9, mtime=0), tag)
