"""A table in the body of a request, on its way to be used once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
from msgspec import structs
from numpy.typing import NDArray
from starlette.requests import Request

from service.context import Services
from service.datasets import caps_of
from service.intake import Caps, form_of, read_columns, take_in
from service.predicting import Columns
from service.room import room
from service.scratch import SCRATCH


async def columns_of(request: Request, parts: Services) -> Columns:
    """Return the columns of the table in the body; raises ``IntakeError``."""
    caps = structs.replace(caps_of(parts.settings), rows=parts.settings.max_prediction_rows)
    with room(), TemporaryDirectory(prefix=SCRATCH) as directory:
        path = Path(directory) / "body"
        with path.open("wb") as file:
            async for piece in request.stream():
                file.write(piece)
        media = request.headers.get("content-type", "")
        return await parts.compute.run(_read, path, media, caps)


def _read(path: Path, media: str, caps: Caps) -> Columns:
    target = path.with_name("typed")
    take_in(path, form_of(media), scratch=path.parent, target=target, caps=caps)
    table = read_columns(target)
    return {name: _values(table.column(name)) for name in table.column_names}


def _values(column: pa.ChunkedArray) -> Sequence[object] | NDArray[np.generic]:
    if pa.types.is_dictionary(column.type) or column.null_count:
        return list(column.to_pylist())
    return np.asarray(column.to_numpy())
