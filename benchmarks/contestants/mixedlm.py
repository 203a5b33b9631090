"""The package mixedlm. Argument: the folder of the task.

Its formulas know no functions, so the response is a column before the clock starts.
"""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path

import mixedlm
import numpy as np

from benchmarks.contestant import Answer, play
from benchmarks.task import read


def main(folder: Path) -> None:
    task, table = read(folder)

    def fit() -> object:
        model = mixedlm.lmer(task.plain, table, REML=task.reml)
        return model.vcov(), model.ranef(condVar=True) if task.want == "effects" else None

    def answer() -> Answer:
        model = mixedlm.lmer(task.plain, table, REML=task.reml)
        effects: dict[str, float] = {}
        if task.want == "effects":
            (group,) = task.random
            own = model.ranef()[group]["(Intercept)"].tolist()
            effects = dict(zip(sorted(set(table[group])), own, strict=True))
        return {
            "criterion": float(model.REMLcrit() if task.reml else -2.0 * model.logLik().value),
            "estimate": [float(value) for value in model.fixef().values()],
            "std_error": np.sqrt(np.diag(model.vcov())).tolist(),
            "effects": effects,
        }

    play(f"{version('mixedlm')}, numpy {np.__version__}", fit, answer)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
