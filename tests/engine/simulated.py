"""Tables drawn from known models, and their matrices in plain numpy, for tests to compare with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.crossproducts import Pilot
from engine.frame import read
from engine.prepared import Prepared, prepare
from engine.spec import Spec
from engine.table import Table

Floats = NDArray[np.float64]


def table(
    seed: int,
    n_levels: int = 12,
    most_rows: int = 7,
    sd: tuple[float, ...] = (1.0, 0.6, 0.4),
    noise: float = 1.0,
) -> pd.DataFrame:
    """An unbalanced table: y, predictors x and z, u of the level, text c, group g, weights w.

    The response has random effects of the intercept, x and z with the standard deviations ``sd``.
    """
    draw = np.random.default_rng(seed)
    sizes = draw.integers(1, most_rows + 1, n_levels)
    g = np.repeat(np.arange(n_levels), sizes)
    n = len(g)
    x, z, u = draw.normal(2.0, 1.5, n), draw.standard_normal(n), draw.standard_normal(n_levels)
    z_columns = np.column_stack([np.ones(n), x, z])[:, : len(sd)]
    effects = draw.standard_normal((n_levels, len(sd))) * sd
    y = (
        3.0
        + 0.5 * x
        + u[g]
        + (z_columns * effects[g]).sum(axis=1)
        + noise * draw.standard_normal(n)
    )
    return pd.DataFrame(
        {
            "y": y,
            "x": x,
            "z": z,
            "u": u[g],
            "c": np.array(["red", "green", "blue"])[draw.integers(0, 3, n)],
            "g": [f"level {j:05d}" for j in g],
            "w": draw.uniform(0.3, 4.0, n),
        }
    )


@dataclass(frozen=True)
class Rows:
    """The rows of a model: X without aliased columns, y less its offset, Z and level by row.

    ``z`` and ``level`` are those of the first grouping factor; ``groups`` has all of them.
    """

    x: Floats
    y: Floats
    groups: tuple[tuple[Floats, NDArray[np.intp]], ...]
    weights: Floats

    @property
    def z(self) -> Floats:
        return self.groups[0][0]

    @property
    def level(self) -> NDArray[np.intp]:
        return self.groups[0][1]

    def covariance(self, between: Floats) -> Floats:
        """W^-1 + sum of Z G Z', (n, n); ``between`` has the G of all factors on its diagonal."""
        total: Floats = np.diag(1.0 / self.weights)
        start = 0
        for z, level in self.groups:
            stop = start + z.shape[1]
            same = np.equal.outer(level, level)
            total = total + same * (z @ between[start:stop, start:stop] @ z.T)
            start = stop
        return total


def rows(spec: Spec, data: pd.DataFrame, *, piloted: bool) -> Rows:
    """The matrices of a model, in the data's units or in the pilots'."""
    prepared = prepare(spec, data)
    return _rows(prepared, data, piloted=piloted)


def _rows(prepared: Prepared, data: pd.DataFrame, *, piloted: bool) -> Rows:
    spec, design, products = prepared.spec, prepared.design, prepared.products
    frame = read(spec, Table.of(data))
    own = [column for block in design.fixed.blocks for column in block.columns(frame)]
    m = np.array([np.ones(frame.n_rows), *own, design.response.values(frame)])
    m = _apply(products.pilot, m) if piloted else m
    groups = []
    for grouping, group in zip(design.groupings, products.groups, strict=True):
        z = np.array(grouping.z_columns(frame))
        z = _apply(group.pilot, z) if piloted else z
        groups.append((z.T, grouping.factor(frame).codes))
    return Rows(
        x=m[prepared.kept].T,
        y=m[-1],
        groups=tuple(groups),
        weights=np.ones(frame.n_rows) if spec.weights is None else frame.numbers[spec.weights],
    )


def _apply(pilot: Pilot, columns: Floats) -> Floats:
    return (columns - pilot.centre[:, None]) / pilot.scale[:, None]
