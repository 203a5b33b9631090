"""pandas in and out: tables travel as Parquet and Arrow, which keep every digit and type."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

import httpx

from partialpool.errors import UnusableDataError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd
    import pyarrow as pa
    from pydantic import BaseModel

ARROW: Final = "application/vnd.apache.arrow.stream"
PARQUET: Final = "application/vnd.apache.parquet"

# pandas and pyarrow take a second to load, so they are loaded with the first table.


def parquet_of(frame: pd.DataFrame) -> bytes:
    """Return the columns of a table as a Parquet file, without its index.

    Raises ``UnusableDataError`` for a column whose cells are not of one kind.
    """
    from pyarrow import parquet

    target = io.BytesIO()
    parquet.write_table(_columns(frame), target, compression="zstd")
    return target.getvalue()


def arrow_of(frame: pd.DataFrame) -> bytes:
    """Return the columns of a table as an Arrow stream, as ``parquet_of`` does as Parquet."""
    from pyarrow import ipc

    table, target = _columns(frame), io.BytesIO()
    with ipc.new_stream(target, table.schema) as writer:
        writer.write_table(table)
    return target.getvalue()


def _columns(frame: pd.DataFrame) -> pa.Table:
    import pyarrow as pa

    try:
        found = pa.Table.from_pandas(frame, preserve_index=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise UnusableDataError(f"a column has cells of several kinds: {error.args[0]}") from error
    # A table that was put together of many has as many pieces, each a message of the stream.
    return found.replace_schema_metadata(None).combine_chunks()


def frame_of(answer: httpx.Response) -> pd.DataFrame:
    """Return the table that an Arrow answer is."""
    from pyarrow import ipc

    frame: pd.DataFrame = ipc.open_stream(answer.content).read_all().to_pandas()
    return frame


def joined(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """Return tables below each other."""
    import pandas as pd

    return frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)


def frame_of_rows(rows: Iterable[BaseModel]) -> pd.DataFrame:
    """Return rows of an answer as a table."""
    import pandas as pd

    return pd.DataFrame([row.model_dump() for row in rows])


def frame_of_table(table: pa.Table) -> pd.DataFrame:
    """Return an Arrow table as a DataFrame; text that stands for levels is text."""
    frame: pd.DataFrame = table.to_pandas(strings_to_categorical=False)
    return frame
