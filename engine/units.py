"""Between the shifted and scaled columns that sums are made of, and the columns of the model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy
from msgspec import Struct
from numpy.typing import NDArray

from engine.crossproducts import CrossProducts, Pilot
from engine.design import Design, Grouping
from engine.table import Floats


class Units(Struct, frozen=True):
    """Linear maps from the pilots' units to those of the data.

    With X_s = X S (columns shifted by multiples of the constant, and scaled) and y_s = (y - c) / s:
    beta = s S beta_s + c a, where X a = 1.

    Attributes:
        x: S, (p, p).
        constant: c a, (p,).
        z: the like of S for the columns of Z of each grouping factor, (k, k).
        y: s.
        log_det: log|S|.
    """

    x: Floats
    constant: Floats
    z: tuple[Floats, ...]
    y: float
    log_det: float

    @classmethod
    def of(cls, design: Design, products: CrossProducts, kept: NDArray[np.intp]) -> Units:
        """``kept`` are the columns of M that are X (index 0 is the intercept)."""
        pilot = products.pilot
        first = 0 if design.fixed.intercept else 1
        held = {index + first for index in design.fixed.constant()}
        constant = np.array([float(index in held) for index in kept.tolist()])
        x = _affine(Pilot(pilot.centre[kept], pilot.scale[kept]), constant)
        return cls(
            x=x,
            constant=pilot.centre[-1] * constant,
            z=tuple(
                _of_grouping(grouping, group.pilot)
                for grouping, group in zip(design.groupings, products.groups, strict=True)
            ),
            y=float(pilot.scale[-1]),
            log_det=-float(np.log(pilot.scale[kept]).sum()),
        )

    @property
    def z_joint(self) -> Floats:
        """The maps of all grouping factors as one block-diagonal matrix."""
        return joined(self.z)


def joined(blocks: Sequence[Floats]) -> Floats:
    """The block-diagonal matrix of square blocks, one per grouping factor."""
    if len(blocks) == 1:
        return blocks[0]
    return np.asarray(scipy.linalg.block_diag(*blocks)) if blocks else np.zeros((0, 0))


def _of_grouping(grouping: Grouping, pilot: Pilot) -> Floats:
    """The map of one grouping factor: affine within each of its random terms, (k, k)."""
    z = _diagonal(1.0 / pilot.scale)
    start = 0
    for term in grouping.terms if pilot.centre.any() else ():
        stop = start + len(term.names)
        if term.intercept:
            z[start, start:stop] -= pilot.centre[start:stop] / pilot.scale[start:stop]
        start = stop
    return z


def _affine(pilot: Pilot, constant: Floats) -> Floats:
    """S with X_s = X S for columns (x - centre) / scale, when X constant = 1."""
    out = _diagonal(1.0 / pilot.scale)
    return out - constant[:, None] * (pilot.centre / pilot.scale) if constant.any() else out


def _diagonal(values: Floats) -> Floats:
    out = np.zeros((len(values), len(values)))
    out.flat[:: len(values) + 1] = values
    return out
