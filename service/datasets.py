"""From a file to a dataset that is kept, and back to its rows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import accumulate
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pyarrow as pa
from msgspec import structs

from service import registering
from service.catalog import Dataset
from service.context import Services
from service.intake import Caps, ColumnSummary, Form, Reading, TypedTable, read_rows, take_in
from service.room import room
from service.scratch import SCRATCH
from service.settings import Settings
from service.stored import files_of, joined, stored_of

SUFFIX: Final = ".parquet"


def caps_of(settings: Settings) -> Caps:
    """Return how large an uploaded table may be."""
    return Caps(
        rows=settings.max_rows,
        columns=settings.max_columns,
        decoded_bytes=settings.max_decoded_bytes,
        document_bytes=settings.max_document_bytes,
        expansion=settings.max_expansion,
    )


@asynccontextmanager
async def scratch() -> AsyncIterator[Path]:
    """Give a directory for the files of one upload; it is gone afterwards, whatever happens.

    Raises ``unavailable`` when the disk has no room for them.
    """
    with room():
        directory = await asyncio.to_thread(TemporaryDirectory, prefix=SCRATCH)
        try:
            yield Path(directory.name)
        finally:
            await asyncio.shield(asyncio.to_thread(directory.cleanup))


async def read(
    parts: Services,
    path: Path,
    form: Form,
    reading: Reading,
    *,
    directory: Path,
    target: Path | None = None,
) -> TypedTable:
    """Read a file, off the event loop; write its stored form to ``target`` when that is given.

    ``directory`` is for files on the way. Raises ``IntakeError``.
    """
    return await parts.compute.run(
        take_in,
        path,
        form,
        scratch=directory,
        target=target,
        reading=reading,
        caps=caps_of(parts.settings),
    )


async def keep(
    parts: Services,
    owner: str,
    path: Path,
    form: Form,
    reading: Reading,
    *,
    directory: Path,
    name: str | None = None,
) -> tuple[Dataset, bool]:
    """Make a dataset of a file, and tell whether it was new.

    ``directory`` is for files on the way. Raises ``IntakeError`` for the file, ``ProblemError``
    (``name_taken``, ``quota_exceeded``) for the rest.
    """
    target = directory / "stored"
    table = await read(parts, path, form, reading, directory=directory, target=target)
    size = (await asyncio.to_thread(target.stat)).st_size
    columns = [column_row(column) for column in table.columns]
    new = Dataset(table.hash, "", table.rows, size, columns, {"form": form.value}, name)
    return await keep_row(parts, owner, new, lambda: parts.blobs.put_file(target, SUFFIX))


async def keep_row(
    parts: Services, owner: str, new: Dataset, put: Callable[[], Awaitable[str]]
) -> tuple[Dataset, bool]:
    """Keep a dataset and the file that ``put`` stores, and tell whether it was new.

    The file is there before the row that speaks of it, and nothing is left of it when there is to
    be no such row. What is kept already has its file; a damaged one is replaced. Raises
    ``ProblemError``: ``name_taken``, ``quota_exceeded``.
    """
    datasets = parts.datasets(owner)
    known = await datasets.kept(new)
    if known is not None and await parts.blobs.intact(known.blob):
        return known, False
    new = structs.replace(new, blob=await put())
    kept = False
    try:
        if known is not None and await datasets.mend(known, new):
            kept = True
            await drop_unused(parts, owner, known.blob)
            return await datasets.get(known.id), False
        found, fresh = await datasets.add(new)
        kept = found.blob == new.blob
        return found, fresh
    finally:
        if not kept:
            await drop_unused(parts, owner, new.blob)


async def forget(parts: Services, owner: str, ref: str, unused: float | None = None) -> Dataset:
    """Delete a dataset and its files; with ``unused``, only if it was not used for so long."""
    found = await parts.datasets(owner).delete(ref, unused)
    for blob in dict.fromkeys(files_of(found)):
        await drop_unused(parts, owner, blob)
    return found


async def rows(parts: Services, dataset: Dataset, start: int, count: int) -> pa.Table:
    """Return some rows of a dataset, text as dictionaries."""
    stored, pieces = stored_of(dataset, parts.settings), []
    if stored.reference is not None:
        return await registering.rows(parts, stored.reference, stored.names, start, count)
    for blob, first, size in zip(stored.files, *_spans(dataset), strict=True):
        begin, end = max(start - first, 0), min(start + count - first, size)
        if begin < end:
            content = await parts.blobs.read(blob)
            pieces.append(await parts.compute.run(read_rows, content, begin, end - begin))
    return joined(pieces, stored, stored.names)


def _spans(dataset: Dataset) -> tuple[list[int], list[int]]:
    """Return the first row and the number of rows of each file of a dataset."""
    counts = [int(part["n_rows"]) for part in dataset.report.get("parts", ())] or [dataset.n_rows]
    return list(accumulate(counts, initial=0))[:-1], counts


def column_row(column: ColumnSummary) -> dict[str, Any]:
    """Return a column's summary as the catalog keeps it and the API tells it."""
    return {**structs.asdict(column), "kind": column.kind.value}


async def drop_unused(parts: Services, owner: str, blob: str) -> None:
    """Remove a file that no dataset needs."""
    if not await parts.datasets(owner).keeps(blob):
        await parts.blobs.delete(blob)
