"""A fit in steps, for places that spread work: parts of a table are summed, and the sums fitted.

How a table is cut and in which order sums are added follows from the table alone: so the fit is the
same, to the last bit, whoever does the steps and however many they are.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Final

from msgspec import Struct, structs

from engine import (
    Ground,
    LevelNames,
    Partial,
    Partition,
    Progress,
    Spec,
    can_be_parted,
    fit_partial,
    partial,
    partitions,
    survey,
    to_bytes,
)
from service import answers
from service.blobs import Blobs
from service.catalog import Model
from service.copies import copies
from service.fitting import SUFFIX
from service.intake import heights, scan_stored
from service.orders import Order
from service.places import Places, Step
from service.shares import share
from service.stored import ARROW, SUMS, Stored

MOST_PARTS: Final = 256
ADDED: Final = 8
"""Sums that one step adds."""

# The shares of surveying in the whole, and of a pass in it.
SURVEYED: Final = 0.1


class Plan(Struct, frozen=True):
    """What is known before the parts are summed.

    Attributes:
        ground: what they share.
        parts: rows of each.
    """

    ground: Ground
    parts: tuple[Partition, ...]


def worth_parting(spec: Spec, stored: Stored, n_rows: int, part_rows: int) -> bool:
    """Whether a fit is better done in steps: one file has the rows of more than one part."""
    if stored.reference is not None or len(stored.files) != 1:
        return False
    table = not stored.files[0].endswith((SUMS, ARROW))
    return table and n_rows >= 2 * part_rows and can_be_parted(spec)


async def fit(
    places: Places,
    order: Order,
    stored: Stored,
    blobs: str,
    sync: bool,
    part_rows: int,
    *,
    progress: Progress,
    seconds: float,
) -> Model:
    """Fit an order to a kept table by steps, keep the fit, and return its row for the catalog.

    Raises as ``Places.run`` does.
    """
    begun, levels = time.perf_counter(), None
    while True:
        plan: Plan = await places.run(
            settle,
            order.specified.spec,
            stored,
            blobs,
            part_rows,
            levels,
            progress=share(progress, 0.0, SURVEYED),
            seconds=seconds,
        )
        sums = [Step(add, (plan.ground, own, stored, blobs)) for own in plan.parts]
        found: Model | LevelNames = await places.run(
            solve,
            order,
            plan.ground,
            joined(sums),
            levels is None,
            blobs,
            sync,
            progress=share(progress, SURVEYED, 1.0),
            seconds=seconds,
        )
        if isinstance(found, Model):
            elapsed = round(1e3 * (time.perf_counter() - begun), 3)
            return structs.replace(found, summary={**found.summary, "elapsed_ms": elapsed})
        levels = found  # a factor has levels that the first rows do not have: now all are known


def joined(sums: Sequence[Step]) -> Step:
    """Return the step that gives the sum of all, added in a tree that follows from their number."""
    while len(sums) > 1:
        sums = [
            Step(join, tuple(sums[start : start + ADDED])) for start in range(0, len(sums), ADDED)
        ]
    return sums[0]


def settle(
    spec: Spec,
    stored: Stored,
    blobs: str,
    part_rows: int,
    levels: LevelNames | None,
    *,
    progress: Progress,
) -> Plan:
    """Cut a table and settle what its parts share."""
    file = copies(blobs).file(stored.files[0])
    cut = partitions(heights(file), part_rows, MOST_PARTS)
    return Plan(survey(spec, scan_stored(file), levels, progress=progress), cut)


def add(
    ground: Ground, rows: Partition, stored: Stored, blobs: str, *, progress: Progress
) -> Partial:
    """Return the sums of a part of a table."""
    scan = scan_stored(copies(blobs).file(stored.files[0]))
    return partial(ground, scan, rows, progress=progress)


def join(*sums: Partial, progress: Progress) -> Partial:
    """Return the sum of sums, added one after another."""
    total = sums[0]
    for i, own in enumerate(sums[1:], start=1):
        progress(i / len(sums), "adding sums")
        total = total + own
    return total


def solve(
    order: Order,
    ground: Ground,
    found: Partial,
    first: bool,
    blobs: str,
    sync: bool,
    *,
    progress: Progress,
) -> Model | LevelNames:
    """Fit the sums of a whole table and keep the fit; or return the levels for a second pass."""
    if found.missed and first:
        return found.levels
    fitted = fit_partial(ground, found, progress=progress)
    saved = to_bytes(fitted)
    blob = asyncio.run(Blobs(blobs, sync=sync).put(saved, SUFFIX))
    read = answers.Rows(fitted.n_rows + fitted.n_dropped, None, None)
    return structs.replace(answers.row(order, fitted, 0.0, read), blob=blob, size_bytes=len(saved))
