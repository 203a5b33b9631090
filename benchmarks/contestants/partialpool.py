"""The engine of this project. Arguments: the CSV file of the houses; "fit" or "tables"."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd

import engine
from benchmarks.contestant import Answer, play

FORMULA = "log(radon + 0.1) ~ 1 + floor + (1 | county)"


def main(path: str, what: str) -> None:
    houses = pd.read_csv(path)

    def fit() -> object:
        """Do what lme4's contestant does: vcov's errors, ranef with its conditional variances."""
        model = engine.fit(FORMULA, houses)
        (county,) = model.random
        return model.std_errors, county.modes, np.sqrt(county.conditional[:, 0, 0])

    def tables() -> object:
        """Add Satterthwaite's tests, county lines with joint errors, pooling, no pooling."""
        model = engine.fit(FORMULA, houses)
        return engine.fixed_effects(model), engine.group_effects(model, "county")

    def answer() -> Answer:
        model = engine.fit(FORMULA, houses)
        rows = engine.fixed_effects(model)
        counties = engine.group_effects(model, "county")
        effects = zip(counties.levels, counties.effects[:, 0].tolist(), strict=True)
        return {
            "criterion": model.statistics.criterion,
            "estimate": [row.estimate for row in rows],
            "std_error": [row.std_error for row in rows],
            "effects": dict(effects),
        }

    versions = f"{engine.__version__}, numpy {np.__version__}"
    play(versions, tables if what == "tables" else fit, answer)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
