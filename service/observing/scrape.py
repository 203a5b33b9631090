"""The metrics as they are at this moment: those of the process, and those of the catalog."""

from __future__ import annotations

import asyncio

from service.catalog import Queue
from service.observing.instruments import Instruments
from service.places import Places
from service.problems import ProblemError

# A scrape must not wait for a catalog that does not answer.
CATALOG_SECONDS = 2.0


COMPUTE_SECONDS = 1.0


async def scraped(instruments: Instruments, queue: Queue, places: Places) -> bytes:
    """Return all metrics as text; without a catalog those of the process alone."""
    try:
        await asyncio.wait_for(places.check(), COMPUTE_SECONDS)
    except (ProblemError, TimeoutError):
        instruments.compute(False)
    else:
        instruments.compute(True)
    try:
        instruments.queue(await asyncio.wait_for(queue.depth(), CATALOG_SECONDS))
    except (ProblemError, TimeoutError):
        instruments.queue(None)
    return instruments.text()
