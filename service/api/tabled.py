"""Answers that are JSON, or a table in the form that the client likes best."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from service import tabular
from service.negotiation import choose
from service.tables import Tabled, table

JSON: Final = "application/json"
FORMS: Final = (JSON, *tabular.MEDIA_TYPES)


def form_of(request: Request) -> str:
    """Return the form that the client likes best; raises ``not_acceptable``."""
    return choose(request, FORMS)


def write(answer: Tabled, media: str) -> bytes:
    """Return an answer in this form: tables have its rows alone."""
    if media == JSON:
        return answer.model_dump_json().encode()
    return tabular.encode(table(answer.rows()), media)


def respond(content: bytes, media: str) -> Response:
    """Return the response that ``content`` of this form is."""
    return Response(content, 200, {"Vary": "Accept"}, media)
