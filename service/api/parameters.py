"""Parameters that several operations share."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query

from service.caps import REQUEST

ModelId = Annotated[str, Path(description="Id of a model.")]

Limit = Annotated[int, Query(ge=1, le=REQUEST.page_items, description="Most items in the answer.")]

Cursor = Annotated[
    str | None, Query(max_length=200, description="`next` of the page before; none for the first.")
]
