"""Which form of the criterion a model has."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.criterion import Blocks, Criterion, Structure
from engine.crossed import CrossedCriterion
from engine.crossed_blocks import CrossedBlocks
from engine.crossproducts import CrossProducts
from engine.dense import DenseCriterion
from engine.dense_blocks import DenseBlocks
from engine.iterative.blocks import IterativeBlocks
from engine.iterative.criterion import IterativeCriterion
from engine.scalar import scalar_criterion
from engine.slopes import SlopesCriterion
from engine.spec import Method

MAX_DENSE = 256
"""Most random effects of all levels of several factors that are worked on as one matrix."""


def criterion_of(
    products: CrossProducts,
    kept: NDArray[np.intp],
    structure: Structure,
    method: Method,
    *,
    iterative: bool = False,
) -> Criterion:
    """The criterion in the form that is quickest for the model.

    Args:
        products: the cross-products.
        kept: columns of M that are X.
        structure: where theta stands in T.
        method: "REML" or "ML".
        iterative: whether the model is solved by iterations, its log-determinant estimated.
    """
    if iterative:
        return IterativeCriterion(IterativeBlocks.iterative(products, kept), structure, method)
    if len(products.groups) > 1 and products.n_effects <= MAX_DENSE:
        return form_of(DenseBlocks.dense(products, kept), structure, method)
    if len(products.groups) > 1:
        return form_of(CrossedBlocks.crossed(products, kept), structure, method)
    return form_of(Blocks.of(products, kept), structure, method)


def form_of(blocks: Blocks, structure: Structure, method: Method) -> Criterion:
    """The criterion of blocks that are made already, in the form that is quickest for them."""
    if isinstance(blocks, DenseBlocks):
        return DenseCriterion(blocks, structure, method)
    if isinstance(blocks, CrossedBlocks):
        return CrossedCriterion(blocks, structure, method)
    if structure.k > 1:
        return SlopesCriterion(blocks, structure, method)
    scalar = scalar_criterion(blocks, structure, method) if structure.k == 1 else None
    return scalar or Criterion(blocks, structure, method)
