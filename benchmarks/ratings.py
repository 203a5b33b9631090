"""Ratings in the shape of MovieLens: every user rates an item once, both margins have long tails.

Users rate 20 items and more, log-normally many; the item of rank r is rated with a probability
that falls as (r + 500)^-2 (Zipf's law with Mandelbrot's offset), and every item at least once. The
rating is that of a known model:

    rating = 3.5 + 0.1 x + a_user + b_item + e,   sd(a) = 0.45, sd(b) = 0.5, sd(e) = 0.85

with x normal (a time, say), two decimals.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

FORMULA = "rating ~ 1 + x + (1 | user) + (1 | item)"
TRUTH = {"user": 0.45, "item": 0.5, "residual": 0.85}
OFFSET, POWER = 500.0, 2.0
FEWEST = 20
"""Ratings of a user."""
SPREAD = 1.3
"""Of the logarithm of what a user rates beyond the fewest."""
PART = 20_000
"""Users that are drawn at once."""
ROUNDS = 10
"""Of drawing again what was drawn twice; users who rate nearly all items are left with fewer."""


def write(path: Path, rows: int, users: int, items: int, seed: int = 1) -> None:
    """Write a Parquet file of about ``rows`` ratings, users in parts, no order within a part."""
    draw = np.random.default_rng(seed)
    counts = _activity(draw, rows, users)
    ranks = draw.permutation(items)
    popularity = np.cumsum((np.arange(items) + OFFSET) ** -POWER)
    effects = draw.normal(0.0, TRUTH["user"], users), draw.normal(0.0, TRUTH["item"], items)
    writer: pq.ParquetWriter | None = None
    for first in range(0, users, PART):
        own = np.arange(first, min(first + PART, users))
        needed = np.arange(items) if first == 0 else np.zeros(0, dtype=np.int64)
        key = _pairs(draw, own, counts[own], popularity, needed)
        user, rank = np.divmod(draw.permutation(key), items)
        item = ranks[rank]
        part = _rated(draw, user, item, effects)
        writer = writer or pq.ParquetWriter(path, part.schema, compression="zstd")
        writer.write_table(part, row_group_size=262_144)
    if writer is not None:
        writer.close()


def _activity(draw: np.random.Generator, rows: int, users: int) -> NDArray[np.int64]:
    """Ratings of each user."""
    more = draw.lognormal(0.0, SPREAD, users)
    fewest = min(FEWEST, rows // users // 2)
    counts = fewest + more * (rows - fewest * users) / more.sum()
    return np.asarray(np.rint(counts).astype(np.int64))


def _pairs(
    draw: np.random.Generator,
    users: NDArray[np.int64],
    counts: NDArray[np.int64],
    popularity: NDArray[np.float64],
    needed: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Keys, user times items plus item, of as many pairs as are asked for, each item in need once.

    Pairs that were drawn before are drawn again for the same user in a second round, and so on.
    """
    items = len(popularity)
    chosen = draw.choice(np.repeat(users, counts), len(needed), replace=False)
    key = np.unique(chosen * items + needed)
    for _ in range(ROUNDS):
        left = counts - np.bincount(key // items - users[0], minlength=len(users))
        user = np.repeat(users, np.maximum(left, 0))
        item = np.searchsorted(popularity, draw.random(len(user)) * popularity[-1])
        key = np.union1d(key, user * items + item)
    return key


def _rated(
    draw: np.random.Generator,
    user: NDArray[np.int64],
    item: NDArray[np.int64],
    effects: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> pa.Table:
    """The columns of some ratings."""
    x = draw.normal(size=len(user)).round(3)
    rating = 3.5 + 0.1 * x + effects[0][user] + effects[1][item]
    rating += draw.normal(0.0, TRUTH["residual"], len(user))
    return pa.table(
        {
            "user": pa.array(user, pa.int32()),
            "item": pa.array(item, pa.int32()),
            "x": x,
            "rating": rating.round(2),
        }
    )
