"""Which form an answer takes, and whether the client has it already."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from starlette.requests import Request

from service.problems import ProblemError


def choose(request: Request, offers: Sequence[str]) -> str:
    """Return the offered media type that the client likes best; the first when it does not care.

    Raises ``ProblemError`` (``not_acceptable``).
    """
    header = request.headers.get("accept")
    if header is None or header == "*/*":
        return offers[0]
    ranges = [_range(part) for part in header.split(",") if part.strip()]
    liked = [(_quality(offer, ranges), -place, offer) for place, offer in enumerate(offers)]
    quality, _, best = max(liked)
    if quality <= 0:
        raise ProblemError("not_acceptable", f"Accept is none of: {', '.join(offers)}.")
    return best


def etag_of(content: bytes) -> str:
    """Return the strong entity tag of a representation."""
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'


def is_current(request: Request, etag: str) -> bool:
    """Tell whether the client already has the representation with this tag (``If-None-Match``)."""
    header = request.headers.get("if-none-match")
    if header is None:
        return False
    tags = {tag.strip().removeprefix("W/") for tag in header.split(",")}
    return etag in tags or "*" in tags


def _range(part: str) -> tuple[str, float]:
    media, *parameters = (piece.strip() for piece in part.lower().split(";"))
    quality = 1.0
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                quality = float(parameter[2:])
            except ValueError:
                quality = 0.0
    return media, quality


def _quality(offer: str, ranges: Sequence[tuple[str, float]]) -> float:
    """Return the quality of the most specific range that covers ``offer``; 0 when none does."""
    family = offer.split("/")[0] + "/*"
    for covering in (offer, family, "*/*"):
        for media, quality in ranges:
            if media == covering:
                return quality
    return 0.0
