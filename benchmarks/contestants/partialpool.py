"""The engine of this project. Argument: the CSV file of the houses; then the df method."""

from __future__ import annotations

import sys
from typing import Literal, cast

import numpy as np
import pandas as pd

import engine
from benchmarks.contestant import Answer, play

FORMULA = "log(radon + 0.1) ~ 1 + floor + (1 | county)"


def main(path: str, df: Literal["none", "satterthwaite"]) -> None:
    houses = pd.read_csv(path)

    def fit() -> object:
        model = engine.fit(FORMULA, houses)
        return engine.fixed_effects(model, df=df), engine.group_effects(model, "county")

    def answer() -> Answer:
        model = engine.fit(FORMULA, houses)
        rows = engine.fixed_effects(model, df=df)
        counties = engine.group_effects(model, "county")
        effects = zip(counties.levels, counties.effects[:, 0].tolist(), strict=True)
        return {
            "criterion": model.statistics.criterion,
            "estimate": [row.estimate for row in rows],
            "std_error": [row.std_error for row in rows],
            "effects": dict(effects),
        }

    play(f"{engine.__version__}, numpy {np.__version__}", fit, answer)


if __name__ == "__main__":
    main(sys.argv[1], cast("Literal['none', 'satterthwaite']", sys.argv[2]))
