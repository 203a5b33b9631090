"""What worker processes do: from the keys of files to the keys of files and small answers."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from engine import Progress, from_bytes, to_bytes
from service.blobs import SCRATCH, Blobs
from service.catalog import Model
from service.fitting import SUFFIX, fit_order
from service.inquiries import INQUIRIES, answered
from service.orders import Order
from service.stored import Stored, scan_source


def fit(
    order: Order, stored: Stored, blobs: str, sync: bool = False, *, progress: Progress
) -> Model:
    """Fit an order to a kept dataset, keep the fit, and return its row for the catalog.

    The rows of a table are read batch by batch: memory does not grow with their number.
    """
    progress(0.0, "reading the dataset")
    store = Blobs(blobs, sync=sync)
    with TemporaryDirectory(prefix=SCRATCH) as spare:
        file = asyncio.run(store.file(stored.blob, Path(spare)))
        row, fitted = fit_order(order, scan_source(file, stored), progress)
    progress(1.0, "keeping the fit")
    saved = to_bytes(fitted)
    blob = asyncio.run(store.put(saved, SUFFIX))
    return replace(row, blob=blob, size_bytes=len(saved))


def inquire(
    name: str, options: dict[str, Any], blob: str, blobs: str, *, progress: Progress
) -> Any:
    """Return the JSON that answers a question about a kept fit."""
    progress(0.0, "reading the fit")
    found = from_bytes(asyncio.run(Blobs(blobs).read(blob)))
    return answered(name, found, INQUIRIES[name].query.model_validate(options), progress)
