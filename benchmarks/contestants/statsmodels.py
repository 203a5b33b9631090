"""statsmodels' MixedLM. Argument: the CSV file of the houses."""

from __future__ import annotations

import sys
from importlib.metadata import version

import numpy as np
import pandas as pd
import statsmodels.formula.api as smf

from benchmarks.contestant import Answer, play

FORMULA = "np.log(radon + 0.1) ~ 1 + floor"


def main(path: str) -> None:
    houses = pd.read_csv(path)

    def fit() -> object:
        model = smf.mixedlm(FORMULA, houses, groups="county").fit(reml=True)
        return model.bse_fe, model.random_effects, model.random_effects_cov

    def answer() -> Answer:
        model = smf.mixedlm(FORMULA, houses, groups="county").fit(reml=True)
        effects = model.random_effects.items()
        return {
            "criterion": -2 * float(model.llf),
            "estimate": [float(value) for value in model.fe_params],
            "std_error": [float(value) for value in model.bse_fe],
            "effects": {str(level): float(effect.iloc[0]) for level, effect in effects},
        }

    play(f"{version('statsmodels')}, numpy {np.__version__}", fit, answer)


if __name__ == "__main__":
    main(sys.argv[1])
