"""GPBoost's GPModel, on all cores. Argument: the folder of the task.

It has no REML and no correlated slopes. Its likelihood of crossed factors is by default a
stochastic approximation, 0.5 off for Penicillin, so it is told to factorise exactly; and to search
until the criterion moves by no more than 1e-10 of itself.
"""

from __future__ import annotations

import os
import sys
from importlib.metadata import version
from pathlib import Path

import gpboost
import numpy as np

from benchmarks.contestant import Answer, play
from benchmarks.task import read

PARAMETERS = {"delta_rel_conv": 1e-10, "trace": False}


def main(folder: Path) -> None:
    task, table = read(folder)
    y = table[task.response].to_numpy()

    def model() -> gpboost.GPModel:
        x = np.column_stack([np.ones(len(table)), *(table[name] for name in task.fixed)])
        found = gpboost.GPModel(
            group_data=table[list(task.random)].to_numpy(),
            likelihood="gaussian",
            matrix_inversion_method="cholesky",
            num_parallel_threads=os.cpu_count(),
        )
        found.set_optim_params(params=PARAMETERS)
        found.fit(y=y, X=x)
        return found

    def answer() -> Answer:
        found = model()
        return {
            "criterion": 2.0 * float(found.get_current_neg_log_likelihood()),
            "estimate": np.ravel(found.get_coef()).tolist(),
            "std_error": [],
            "effects": {},
        }

    play(f"{version('gpboost')}, numpy {np.__version__}", model, answer)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
