"""The columns of some rows, M = [1 X y] and Z, and the pilot values that they are shifted by."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain

import numpy as np
from msgspec import Struct

from engine.crossproducts import Pilot
from engine.design import Design, Grouping, TermSet
from engine.errors import DataError, Problem
from engine.frame import Frame
from engine.table import Floats

LARGEST = 1e100
"""The largest number of a column: sums of fourth powers must be doubles; of weights, either way."""


class Columns(Struct, frozen=True):
    """The columns of some rows in the data's units.

    Attributes:
        m: M, each column (n,).
        z: Z of each grouping factor without the split by level, each column (n,); ``None`` where it
            is one column of ones.
        weights: (n,).
        frame: the rows.
    """

    m: tuple[Floats, ...]
    z: tuple[Sequence[Floats] | None, ...]
    weights: Floats | None
    frame: Frame

    @classmethod
    def of(cls, design: Design, frame: Frame, weights: str | None) -> Columns:
        """Make the columns of the rows of a frame.

        Raises:
            DataError: weights that are not positive, an expression that is not finite.
        """
        ones = np.broadcast_to(1.0, frame.n_rows)
        x = [column for block in design.fixed.blocks for column in block.columns(frame)]
        z = tuple(_z(grouping, frame) for grouping in design.groupings)
        m = (ones, *x, design.response.values(frame))
        return cls(m, z, None if weights is None else _weights(frame, weights), frame)

    def require_bounded(self) -> None:
        """Raise ``DataError`` when a number is beyond ``LARGEST``, or NaN."""
        for column in chain(self.m, *(own for own in self.z if own is not None)):
            if float(column @ column) <= LARGEST:  # one quick sum tells in all but odd cases
                continue
            if not max(column.max(), -column.min()) <= LARGEST:
                raise _too_large(column, self.frame)

    def pilots(self, design: Design) -> tuple[Pilot, ...]:
        """Pilots of M, then of each Z; nothing is shifted without a constant to hold it.

        Raises:
            DataError: a number is too large.
        """
        self.require_bounded()
        anchored = bool(design.fixed.constant())
        own = [_pilot(self.m, (True, *_coded(design.fixed), False), [anchored] * len(self.m))]
        for grouping, z in zip(design.groupings, self.z, strict=True):
            coded, held = [], []
            for term in grouping.terms:
                coded += [True] * term.intercept + list(_coded(term))
                held += [term.intercept] * len(term.names)
            own.append(Pilot.none(1) if z is None else _pilot(z, coded, held))
        return tuple(own)


def _z(grouping: Grouping, frame: Frame) -> Sequence[Floats] | None:
    if grouping.intercepts == (True,):
        return None
    return grouping.z_columns(frame)


def _coded(terms: TermSet) -> tuple[bool, ...]:
    return tuple(block.indicator for block in terms.blocks for _ in block.names)


def _pilot(
    columns: Sequence[Floats] | Floats, coded: Sequence[bool], held: Sequence[bool]
) -> Pilot:
    """Mean and spread of each column; coded levels stay, and so does all without a constant."""
    n = len(columns[0])
    centre, scale = np.zeros(len(columns)), np.ones(len(columns))
    for i, column in enumerate(columns):
        if coded[i]:
            continue
        if held[i]:
            centre[i] = float(np.add.reduce(column)) / n
        deviations = column - centre[i]
        if square := float(deviations @ deviations):
            scale[i] = 2.0 ** round(math.log2(square / n) / 2.0)
    return Pilot(centre, scale)


def _weights(frame: Frame, name: str) -> Floats:
    weights = frame.numbers[name]
    if weights.max() > LARGEST or 0.0 < weights.min() < 1.0 / LARGEST:
        raise DataError(
            Problem(
                "bad_weights",
                f"weights are larger than {LARGEST:g}, or smaller than its inverse",
                "divide all weights by the same number",
                ("weights",),
            )
        )
    if not (weights > 0).all():
        raise DataError(
            Problem(
                "bad_weights",
                f"weights are not positive in row {frame.row_numbers(weights <= 0)}",
                "weights are positive; leave rows of no weight out of the data",
                ("weights",),
            )
        )
    return weights


def _too_large(column: Floats, frame: Frame) -> DataError:
    bad = ~(np.abs(column) <= LARGEST)
    return DataError(
        Problem(
            "too_large_values",
            f"a column of the model is larger than {LARGEST:g} in row {frame.row_numbers(bad)}",
            "take the column in a larger unit",
            ("formula",),
        )
    )
