"""Parameters that several operations share."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query

ModelId = Annotated[str, Path(description="Id of a model.")]

Limit = Annotated[int, Query(ge=1, le=1000, description="Most items in the answer.")]

Cursor = Annotated[
    str | None, Query(max_length=200, description="`next` of the page before; none for the first.")
]
