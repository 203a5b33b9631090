"""Where the search starts: variances from sums of squares, as ``engine.moments`` without a factor.

With e what least squares leaves of y, the squares of e and of each Z_f'e have expectations that are
linear in the variances (Searle, Casella, McCulloch 1992, Variance Components, chapter 5).
"""

from __future__ import annotations

import numpy as np
import scipy

from engine.iterative.blocks import IterativeBlocks
from engine.table import Floats

LEAST, MOST = 0.05, 10.0
"""Standard deviations relative to the residual one stay between these."""


def start(blocks: IterativeBlocks) -> Floats:
    """A theta, one element per factor."""
    flat = blocks.inner[:, 0]
    gram = blocks.within + flat.T @ flat
    beta = np.linalg.lstsq(gram[:-1, :-1], gram[:-1, -1])[0]
    residual = np.append(-beta, 1.0)
    spans = blocks.spans
    own = [blocks.first, *(blocks.rest[span] for span in spans)]
    sums = [blocks.first_products @ residual, blocks.rest_products @ residual]
    n = len(own)
    left, right = np.zeros((n + 1, n + 1)), np.zeros(n + 1)
    left[0, 0], right[0] = blocks.n - blocks.p, residual @ gram @ residual
    for f, diagonal in enumerate(own, start=1):
        left[0, f] = left[f, 0] = diagonal.sum()
        left[f, f] = diagonal @ diagonal
    right[1] = sums[0] @ sums[0]
    met = np.asarray(blocks.squares.sum(axis=0)).ravel()
    for f, span in enumerate(spans, start=2):
        right[f] = sums[1][span] @ sums[1][span]
        left[1, f] = left[f, 1] = met[span].sum()
        for g, other in enumerate(spans, start=2):
            if blocks.rest_cross is not None and g > f:
                part = blocks.rest_cross[span][:, other]
                left[f, g] = left[g, f] = np.square(part.data).sum()
    scale = np.maximum(left[:, 0], np.finfo(float).tiny)
    variances, _ = scipy.optimize.nnls(left / scale[:, None], right / scale)
    if not variances[0] > 0.0:
        return np.full(n, 0.5)
    return np.asarray(np.clip(np.sqrt(variances[1:] / variances[0]), LEAST, MOST))
