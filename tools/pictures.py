"""Pictures as they are kept in the documentation."""

from __future__ import annotations

import re


def slim(picture: str) -> str:
    """Return an SVG without digits that no screen shows, nor words on each of its marks.

    Its title and description stay.
    """
    head, rest = picture.split(">", 1)
    rest = re.sub(r'( [xy][12]?=| transform=| d=)"[^"]*"', _rounded, rest)
    rest = re.sub(r' (aria-[a-z]+|role|pointer-events)="[^"]*"', "", rest)
    return f"{head}>{rest}"


def _rounded(found: re.Match[str]) -> str:
    return re.sub(r"-?\d+\.\d{2,}", lambda number: f"{float(number[0]):.1f}", found[0])
