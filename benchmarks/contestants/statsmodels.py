"""statsmodels' MixedLM. Argument: the folder of the task.

One factor is its ``groups``; factors nested within another are variance components of that; crossed
ones are variance components of one group that holds all rows, as its documentation has it.
"""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import statsmodels.formula.api as smf
from statsmodels.regression.mixed_linear_model import MixedLMResults

from benchmarks.contestant import Answer, play
from benchmarks.task import read


def main(folder: Path) -> None:
    task, table = read(folder)
    left = task.formula.partition("~")[0].replace("log", "np.log")
    formula = " ~ ".join((left.strip(), " + ".join(("1", *task.fixed))))
    *inner, outer = task.random
    options: dict[str, object] = {"groups": outer}
    if task.slopes:
        options["re_formula"] = "1 + " + " + ".join(task.slopes)
    if inner and task.nested:
        options |= {"re_formula": "1", "vc_formula": {g: f"0 + C({g})" for g in inner}}
    elif inner:
        table["everything"] = 1
        options = {
            "groups": "everything",
            "re_formula": "0",
            "vc_formula": {g: f"0 + C({g})" for g in task.random},
        }

    def model() -> MixedLMResults:
        return smf.mixedlm(formula, table, **options).fit(reml=task.reml)

    def fit() -> object:
        found = model()
        if task.want != "effects":
            return found.bse_fe
        return found.bse_fe, found.random_effects, found.random_effects_cov

    def answer() -> Answer:
        found = model()
        effects: dict[str, float] = {}
        if task.want == "effects":
            own = found.random_effects.items()
            effects = {str(level): float(effect.iloc[0]) for level, effect in own}
        return {
            "criterion": -2 * float(found.llf),
            "estimate": [float(value) for value in found.fe_params],
            "std_error": [float(value) for value in found.bse_fe],
            "effects": effects,
        }

    play(f"{version('statsmodels')}, numpy {np.__version__}", fit, answer)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
