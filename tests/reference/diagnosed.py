"""What lme4 says of the rows and the levels of some reference fits, as typed values; README.md."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from tests.reference.cases import HERE, FloatArray


@dataclass(frozen=True, slots=True)
class Diagnosed:
    """One model.

    Attributes:
        model: name of the case.
        at: numbers of the rows of the r values of ``rows``.
        rows: fitted, residual, pearson, leverage, studentised, cooks_distance, each (r,).
        leverage_sum: of all rows.
        group: whose J levels are left out in turn.
        levels: names.
        beta, se: without each level (J, p).
        sigma: without each level (J,).
        std_dev: of all random effects without each level, (J, k).
        pca: singular values by group.
    """

    model: str
    at: NDArray[np.intp]
    rows: dict[str, FloatArray]
    leverage_sum: float
    group: str
    levels: tuple[str, ...]
    beta: FloatArray
    se: FloatArray
    sigma: FloatArray
    std_dev: FloatArray
    pca: dict[str, FloatArray]

    def __str__(self) -> str:
        return self.model


@cache
def diagnosed() -> tuple[Diagnosed, ...]:
    """Every model of the file."""
    records = json.loads((HERE / "diagnostics.json").read_text("utf-8"))
    return tuple(
        Diagnosed(
            model=record["model"][0],
            at=np.array(record["rows"].pop("at"), dtype=np.intp),
            leverage_sum=record["rows"].pop("leverage_sum")[0],
            rows={name: np.array(values) for name, values in record["rows"].items()},
            group=record["group"][0],
            levels=tuple(record["levels"]),
            beta=np.array(record["beta"]),
            se=np.array(record["se"]),
            sigma=np.array(record["sigma"]),
            std_dev=np.array(record["std_dev"]),
            pca={group: np.array(values) for group, values in record["pca"].items()},
        )
        for record in records
    )
