"""Between the shifted and scaled columns that sums are made of, and the columns of the model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.crossproducts import CrossProducts, Pilot
from engine.design import Design
from engine.table import Floats


@dataclass(frozen=True, slots=True)
class Units:
    """Linear maps from the pilots' units to those of the data.

    With X_s = X S (columns shifted by multiples of the constant, and scaled) and y_s = (y - c) / s:
    beta = s S beta_s + c a, where X a = 1.

    Attributes:
        x: S, (p, p).
        constant: c a, (p,).
        z: the like of S for the columns of Z of the grouping factor, (k, k).
        y: s.
        log_det: log|S|.
    """

    x: Floats
    constant: Floats
    z: Floats
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
        z = np.zeros((0, 0))
        if products.groups:
            z_pilot = products.groups[0].pilot
            z = np.diag(1.0 / z_pilot.scale)
            start = 0
            for term in design.groupings[0].terms:
                stop = start + len(term.names)
                own = Pilot(z_pilot.centre[start:stop], z_pilot.scale[start:stop])
                anchor = np.zeros(stop - start)
                anchor[: int(term.intercept)] = 1.0
                z[start:stop, start:stop] = _affine(own, anchor)
                start = stop
        return cls(
            x=x,
            constant=pilot.centre[-1] * constant,
            z=z,
            y=float(pilot.scale[-1]),
            log_det=-float(np.log(pilot.scale[kept]).sum()),
        )


def _affine(pilot: Pilot, constant: Floats) -> Floats:
    """S with X_s = X S for columns (x - centre) / scale, when X constant = 1."""
    out = np.diag(1.0 / pilot.scale)
    return out - np.outer(constant, pilot.centre / pilot.scale) if constant.any() else out
