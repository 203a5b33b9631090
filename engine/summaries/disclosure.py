"""What a summary tells about few rows, and how those rows are kept out of it.

Every sum is over the rows that share some levels: of grouping factors, of factors among the
predictors, of columns that take two values only. Those rows are a cell. A cell of fewer rows than
the operator allows is refused, or its rows are left out.

And a row can be told apart though its cell is large enough: when a linear combination of the
predictors is zero in every row but this one, the same combination of the sums is its outcome. That
is so exactly when its leverage, given the effects of the levels, is 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from msgspec import Struct
from numpy.typing import NDArray

from engine.design import Block, Categorical, Design, learn
from engine.errors import DataError, Problem
from engine.frame import Frame, read
from engine.given import is_frame
from engine.spec import Spec
from engine.summaries.basis import anchors
from engine.table import Codes, Floats, Table

if TYPE_CHECKING:
    import pandas as pd

Mask = NDArray[np.bool_]
Names = frozenset[str]

SOLVED = 1e-8
"""How far from 1 a leverage must be for the outcome of the row not to follow from the sums."""
_SINGULAR = 1e-10
"""A combination of columns with less than this part of the largest is zero."""


def keep_large_cells(
    spec: Spec, frame: Frame, data: pd.DataFrame | pa.Table, min_count: int, *, suppress: bool
) -> Frame:
    """The frame, when no cell has fewer rows than allowed; else what remains without those.

    Leaving rows out makes other cells smaller, so it is repeated until all are large enough.

    Raises:
        DataError: a cell has fewer rows and ``suppress`` is false; or no row is left.
    """
    while True:
        found = _small_cells(spec, frame, min_count)
        if not found.rows.any():
            return frame
        if not suppress:
            raise DataError(_refusal(found, min_count))
        if found.rows.all():
            raise DataError(
                Problem(
                    "no_rows",
                    f"no rows are left when cells of fewer than {min_count} rows are left out",
                    "use fewer or coarser groups and factors, or a smaller minimum",
                    ("min_count",),
                )
            )
        rows = np.flatnonzero(~found.rows)
        kept = rows if frame.rows is None else frame.rows[rows]
        data = data.iloc[kept] if is_frame(data) else data.take(kept)
        frame = read(spec, Table.of(data))


class _Small(Struct, frozen=True):
    """What is too small.

    Attributes:
        cells: how many cells have too few rows, by what they are cells of.
        solved: rows whose outcome follows from the sums.
        rows: all rows concerned, (n,).
    """

    cells: Mapping[str, int]
    solved: int
    rows: Mask


def _refusal(found: _Small, min_count: int) -> Problem:
    told = [f"{count} of {name}" for name, count in found.cells.items()]
    detail = f"cells with fewer than {min_count} rows: {', '.join(told)}" if told else ""
    if found.solved:
        detail += "; " * bool(told)
        detail += f"the outcomes of {found.solved} rows follow from the sums of their cells"
    return Problem(
        "small_cells",
        f"{detail} ({int(found.rows.sum())} of {len(found.rows)} rows)",
        "use fewer or coarser groups and factors, or leave these rows out (suppress)",
        ("min_count",),
    )


def _small_cells(spec: Spec, frame: Frame, min_count: int) -> _Small:
    design = learn(spec, frame, coded=False)
    codes = _Codes.of(design, frame)
    cells: dict[str, int] = {}
    rows = np.zeros(frame.n_rows, dtype=bool)
    for names in _widest(codes.sets):
        own, counts = codes.cells(names)
        small = counts < min_count
        if small.any():
            cells[" x ".join(sorted(names))] = int(small.sum())
            rows |= small[own]
    solved = _solved(design, frame) & ~rows
    return _Small(cells, int(solved.sum()), rows | solved)


class _Codes(Struct, frozen=True):
    """The columns by whose values rows are summed apart.

    Attributes:
        codes: of each column, (n,), by name.
        sets: which columns some sum has in common.
    """

    codes: Mapping[str, Codes]
    sets: frozenset[Names]

    @classmethod
    def of(cls, design: Design, frame: Frame) -> _Codes:
        codes: dict[str, Codes] = {}
        nothing: Names = frozenset()
        fixed = {nothing, *(_apart(block, frame, codes) for block in design.fixed.blocks)}
        own: list[set[Names]] = []
        for grouping in design.groupings:
            codes |= {name: frame.factors[name].codes for name in grouping.columns}
            columns = frozenset(grouping.columns)
            blocks = [block for term in grouping.terms for block in term.blocks]
            own.append({columns, *(columns | _apart(block, frame, codes) for block in blocks)})
        sets = {a | b for a in fixed for b in fixed}
        sets |= {a | b for z in own for a in z for b in (*fixed, *z)}
        sets |= {a | b for left, right in combinations(own, 2) for a in left for b in right}
        return cls(codes, frozenset(sets - {nothing}))

    def cells(self, names: Names) -> tuple[Codes, Codes]:
        """The cell of each row, and the rows of each cell."""
        own: Codes = np.zeros(len(next(iter(self.codes.values()))), dtype=np.int64)
        for name in names:
            values, its = np.unique(self.codes[name], return_inverse=True)
            _, own = np.unique(own * len(values) + its, return_inverse=True)
        return own, np.bincount(own)


def _apart(block: Block, frame: Frame, codes: dict[str, Codes]) -> Names:
    """The variables of a term whose values tell rows apart; their codes are noted."""
    names = set()
    for variable in block.variables:
        if isinstance(variable, Categorical):
            codes[variable.column] = frame.factors[variable.column].codes
            names.add(variable.column)
            continue
        for name, values in zip(variable.names, variable.columns(frame), strict=True):
            other = values != values[0]
            if len(np.unique(values[other])) == 1:
                codes[name] = other.astype(np.int64)
                names.add(name)
    return frozenset(names)


def _widest(sets: Iterable[Names]) -> list[Names]:
    """Those that are within no other: when their cells are large, so are all others."""
    by_size = sorted(sets, key=lambda names: (-len(names), sorted(names)))
    found: list[Names] = []
    for names in by_size:
        if not any(names <= wider for wider in found):
            found.append(names)
    return found


def _solved(design: Design, frame: Frame) -> Mask:
    """Rows of leverage 1, given X and the effects of the levels of each factor in turn."""
    held = bool(design.fixed.constant())
    x = _standard(design.fixed.columns(frame), [held] * len(design.fixed.names))
    if not design.groupings:
        return _leverage(x, np.zeros(frame.n_rows, np.int64), x[:0])
    solved = np.zeros(frame.n_rows, dtype=bool)
    for grouping in design.groupings:
        z = _standard(grouping.z_columns(frame), (anchors(grouping) >= 0).tolist())
        solved |= _leverage(x, grouping.factor(frame).codes, z)
    return solved


def _leverage(x: Floats, codes: Codes, z: Floats) -> Mask:
    """Which rows have leverage 1 in [Z split by level, X], for Z (k, n) and X (p, n)."""
    inverse = np.linalg.pinv(_by_level(codes, z, z), rcond=_SINGULAR, hermitian=True)
    own = np.einsum("an,nab->bn", z, inverse[codes])
    rest = x - np.einsum("bn,nbp->pn", own, _by_level(codes, z, x)[codes])
    values, vectors = np.linalg.eigh(rest @ rest.T)
    apart = values > _SINGULAR * x.shape[1]  # the columns of X are of size 1: the rest is rounding
    within = vectors[:, apart].T @ rest / np.sqrt(values[apart])[:, None]
    total = np.einsum("an,an->n", own, z) + np.einsum("an,an->n", within, within)
    return np.asarray(total > 1.0 - SOLVED)


def _by_level(codes: Codes, left: Floats, right: Floats) -> Floats:
    """Sums by level of the products of columns, (J, k, m)."""
    out = np.zeros((int(codes.max()) + 1, len(left), len(right)))
    for a, own in enumerate(left):
        for b, its in enumerate(right):
            out[:, a, b] = np.bincount(codes, weights=own * its, minlength=len(out))
    return out


def _standard(columns: Sequence[Floats], held: Sequence[bool]) -> Floats:
    """Columns (m, n) about zero where a constant holds them, and of like size.

    The space that they span is the same.
    """
    out = np.array(columns).reshape(len(columns), -1)
    centre = np.where(held, out.mean(axis=1), 0.0)
    varies = np.ptp(out, axis=1) > 0.0
    out = out - np.where(varies, centre, 0.0)[:, None]
    size = np.sqrt(np.einsum("mn,mn->m", out, out) / max(out.shape[1], 1))
    scaled: Floats = out / np.where(size > 0.0, size, 1.0)[:, None]
    return scaled
