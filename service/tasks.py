"""What worker processes do: from the keys of files to the keys of files and small answers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from msgspec import Struct, structs

from engine import Fit, Progress, RowsNeededError, Summary, from_bytes, to_bytes
from service.blobs import Blobs
from service.catalog import Model
from service.fitting import SUFFIX, fit_order
from service.inquiries import INQUIRIES, answered, piece_of
from service.intervals import Made, Piece
from service.orders import Order
from service.registered import Asked, Bounds, Reference, Registered, read, register, scanned
from service.scratch import SCRATCH
from service.stored import Appended, Stored, scan_source

if TYPE_CHECKING:
    import polars as pl


class Sums(Struct, frozen=True):
    """Where a fit of the first parts of a dataset is kept: its key, and what it was a fit of."""

    blob: str
    dataset: str
    parts: int


def fit(
    order: Order,
    stored: Stored,
    blobs: str,
    sync: bool = False,
    sums: Sums | None = None,
    reread: str | None = None,
    *,
    progress: Progress,
) -> Model:
    """Fit an order to a kept dataset, keep the fit, and return its row for the catalog.

    The rows of a table are read batch by batch: memory does not grow with their number. Those that
    ``sums`` are of are not read, unless they have to be. ``reread`` says why there are no sums.
    """
    progress(0.0, "reading the dataset")
    store = Blobs(blobs, sync=sync)
    with TemporaryDirectory(prefix=SCRATCH) as spare, ExitStack() as held:
        files = _Files(store, Path(spare), held)
        row, fitted = _fitted(order, stored, files, sums, reread, progress)
    progress(1.0, "keeping the fit")
    saved = to_bytes(fitted)
    blob = asyncio.run(store.put(saved, SUFFIX))
    return structs.replace(row, blob=blob, size_bytes=len(saved))


class _Files(Struct, frozen=True):
    """The files of datasets: copies in a directory, or open until the rows are read."""

    store: Blobs
    spare: Path
    open: ExitStack

    def scan(self, stored: Stored) -> pa.Table | pl.LazyFrame | Summary:
        """Return the rows of a dataset, or its sums."""
        if stored.reference is not None:
            return self.open.enter_context(scanned(stored.reference, stored.names))
        files = [asyncio.run(self.store.file(key, self.spare)) for key in stored.files]
        return scan_source(files, stored)

    def after(self, stored: Stored, sums: Sums) -> Appended:
        """Return the sums of the first parts of a dataset, and the rows of the others."""
        held = from_bytes(asyncio.run(self.store.read(sums.blob)))
        rest = stored.after(sums.parts)
        rows = self.scan(rest) if rest.files else None  # registered files never grow
        assert not isinstance(rows, Summary)  # noqa: S101  sums have no parts
        return Appended(held, sums.dataset, rows)


def _fitted(
    order: Order,
    stored: Stored,
    files: _Files,
    sums: Sums | None,
    reread: str | None,
    progress: Progress,
) -> tuple[Model, Fit]:
    if sums is not None:
        try:
            return fit_order(order, files.after(stored, sums), progress)
        except RowsNeededError as error:
            reread = error.problems[0].detail
    return fit_order(order, files.scan(stored), progress, reread)


def registered(asked: Asked, bounds: Bounds, *, progress: Progress) -> Registered:
    """Look at files that are to be registered."""
    progress(0.0, "finding the files")
    return register(asked, bounds, progress)


def rows_of_files(
    reference: Reference, names: Sequence[str], start: int, count: int, *, progress: Progress
) -> pa.Table:
    """Return columns of some rows of registered files."""
    progress(0.0, "reading the files")
    return read(reference, names, start, count)


def inquire(
    name: str,
    options: dict[str, Any],
    blob: str,
    blobs: str,
    *ready: Made,
    progress: Progress,
) -> Any:
    """Return the JSON that answers a question about a kept fit, of pieces if they are ready."""
    progress(0.0, "reading the fit")
    found = _fit(blob, blobs)
    return answered(name, found, INQUIRIES[name].query.model_validate(options), progress, ready)


def make_piece(
    name: str,
    options: dict[str, Any],
    piece: Piece,
    blob: str,
    blobs: str,
    *,
    progress: Progress,
) -> Made:
    """Return a piece of the answer to a question about a kept fit."""
    asked = INQUIRIES[name].query.model_validate(options)
    return piece_of(_fit(blob, blobs), asked, piece, progress)


@lru_cache(1)
def _fit(blob: str, blobs: str) -> Fit:
    """The last fit read; what it computes of itself stays for the next piece."""
    return from_bytes(asyncio.run(Blobs(blobs).read(blob)))
