"""The package mixedlm. Argument: the CSV file of the houses.

Its formulas know no functions, so the logarithm is taken before the clock starts.
"""

from __future__ import annotations

import sys
from importlib.metadata import version

import mixedlm
import numpy as np
import pandas as pd

from benchmarks.contestant import Answer, play

FORMULA = "log_radon ~ 1 + floor + (1 | county)"


def main(path: str) -> None:
    houses = pd.read_csv(path)
    houses["log_radon"] = np.log(houses["radon"] + 0.1)

    def fit() -> object:
        model = mixedlm.lmer(FORMULA, houses)
        return model.vcov(), model.ranef(condVar=True)

    def answer() -> Answer:
        model = mixedlm.lmer(FORMULA, houses)
        effects = model.ranef()["county"]["(Intercept)"].tolist()
        return {
            "criterion": float(model.REMLcrit()),
            "estimate": [float(value) for value in model.fixef().values()],
            "std_error": np.sqrt(np.diag(model.vcov())).tolist(),
            "effects": dict(zip(sorted(set(houses["county"])), effects, strict=True)),
        }

    play(f"{version('mixedlm')}, numpy {np.__version__}", fit, answer)


if __name__ == "__main__":
    main(sys.argv[1])
