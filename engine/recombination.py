"""The same sums in other columns: X and y, or Z of a level, replaced by combinations of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import scipy
from msgspec import structs

from engine.criterion import Blocks
from engine.crossed_blocks import CrossedBlocks
from engine.dense_blocks import DenseBlocks
from engine.gram import Gram, by_level
from engine.table import Floats


def with_columns(blocks: Blocks, a: Floats) -> Blocks:
    """The blocks of the columns [X y] A, (p + 1, p' + 1)."""
    within, inner = a.T @ blocks.within @ a, blocks.inner @ a
    if isinstance(blocks, CrossedBlocks):
        return structs.replace(
            blocks, within=within, inner=inner, rest_products=blocks.rest_products @ a
        )
    return structs.replace(blocks, within=within, inner=inner)


def with_effects(blocks: Blocks, bases: Sequence[Floats]) -> Blocks:
    """The blocks of the columns Z_f B_f, an invertible (k, k) basis for each factor."""
    if isinstance(blocks, DenseBlocks):
        return structs.replace(
            blocks, root=blocks.times(blocks.root[0], scipy.linalg.block_diag(*bases)[None])
        )
    if not isinstance(blocks, CrossedBlocks):
        return structs.replace(blocks, root=blocks.root @ bases[0]) if bases else blocks
    rest = bases[1:]
    counts = blocks.levels[1:]
    edges = np.cumsum([0, *(n * len(b) for n, b in zip(counts, rest, strict=True))]).tolist()
    every = scipy.sparse.block_diag(
        [
            by_level(np.array(np.broadcast_to(b, (n, *b.shape))))
            for n, b in zip(counts, rest, strict=True)
        ],
        format="csr",
    )
    products = np.concatenate(
        [
            (b.T @ blocks.rest_products[start:stop].reshape(n, len(b), -1)).reshape(
                stop - start, -1
            )
            for (start, stop), n, b in zip(pairwise(edges), counts, rest, strict=True)
        ]
    )
    return structs.replace(
        blocks,
        root=blocks.root @ bases[0],
        gram=Gram.of(
            scipy.sparse.csr_array(blocks.gram.rows @ every), blocks.gram.k, blocks.gram.batches
        ),
        rest_within=tuple(
            batch.turn(own.copy(), rest)
            for batch, own in zip(blocks.batches, blocks.rest_within, strict=True)
        ),
        rest_products=products,
    )
