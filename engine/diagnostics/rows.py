"""Row by row: fitted values, residuals, leverage, Cook's distance.

The hat matrix of a mixed model at its theta is that of the penalised least squares problem (Bates,
Maechler, Bolker, Walker 2015, J. Stat. Softw. 67(1), section 3): fitted = H y with, for row i,

    h_i = w_i (x_i, z_i) C^-1 (x_i, z_i)',  C = [X'WX X'WZ; Z'WX Z'WZ + G^-1]

which is w_i / sigma^2 times the variance that ``lines`` gives the line of a level it has seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from engine.diagnostics.scan import Part, Scan
from engine.fit import Fit
from engine.lines import lines
from engine.table import Codes, Data, Floats

WHOLE = 1e-12
"""A row with no more of 1 left beside its leverage is fitted exactly, whatever it says."""


@dataclass(frozen=True, slots=True)
class RowDiagnostics:
    """Diagnostics of r rows, in the data's units.

    Attributes:
        row: numbers of the rows, from 0, in the table; rows that miss a value have none.
        fitted: conditional on the random effects (lme4's fitted), offset included.
        marginal: of the fixed effects alone, X beta, offset included.
        residual: response less fitted.
        pearson: times the square root of the weight.
        studentised: Pearson over sigma sqrt(1 - h); lme4's rstudent.
        leverage: h, the diagonal of the hat matrix (lme4's hatvalues).
        cooks_distance: as lme4's cooks.distance: studentised^2 h / ((1 - h) p).

    The last four are NaN where h is 1; so is Cook's distance of a model without fixed effects.
    """

    row: Codes
    fitted: Floats
    marginal: Floats
    residual: Floats
    pearson: Floats
    studentised: Floats
    leverage: Floats
    cooks_distance: Floats


def row_diagnostics(
    fit: Fit, data: Data, start: int = 0, stop: int | None = None
) -> RowDiagnostics:
    """Diagnostics of the rows of a model, in order; of some of them when a range is given.

    Args:
        fit: the model.
        data: the table it was fitted to.
        start: first row, counted among the rows of the model.
        stop: the row after the last; all by default.

    Raises:
        EngineError: the rows are not those that the model was fitted to.
    """
    return scanned(Scan.of(fit, data), start, stop)


def scanned(scan: Scan, start: int = 0, stop: int | None = None) -> RowDiagnostics:
    """Diagnostics of the rows of a scan; see :func:`row_diagnostics`."""
    numbers = scan.numbers[start:stop]
    found, at = [], 0
    for part in scan.parts(start, stop):
        found.append(_of_part(scan.fit, part, numbers[at : at + len(part.y)]))
        at += len(part.y)
    return _joined(found or [_of_part(scan.fit, scan.part(0, 0), numbers[:0])])


def _of_part(fit: Fit, part: Part, numbers: Codes) -> RowDiagnostics:
    units, solution = fit.units, fit.solution
    own = lines(fit, part.x, part.z, part.index)
    residual = units.y * (part.y - own.estimate)
    pearson = np.sqrt(part.weights) * residual
    leverage = part.weights * own.variance / solution.sigma**2
    left = 1.0 - leverage
    left[left <= WHOLE] = np.nan
    studentised = pearson / (fit.sigma * np.sqrt(left))
    p = len(fit.beta) or np.nan
    return RowDiagnostics(
        row=numbers,
        fitted=units.y * own.estimate + fit.y_centre + part.offset,
        marginal=units.y * (part.x @ solution.beta) + fit.y_centre + part.offset,
        residual=residual,
        pearson=pearson,
        studentised=studentised,
        leverage=leverage,
        cooks_distance=np.square(studentised) * leverage / (left * p),
    )


def _joined(found: Sequence[RowDiagnostics]) -> RowDiagnostics:
    if len(found) == 1:
        return found[0]
    names = [field.name for field in fields(RowDiagnostics)]
    return RowDiagnostics(
        **{name: np.concatenate([getattr(part, name) for part in found]) for name in names}
    )
