"""The engine of this project. Argument: the folder of the task."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

import engine
from benchmarks.contestant import Answer, play
from benchmarks.task import read


def _errors(model: engine.Fit) -> object:
    return model.std_errors


def _effects(model: engine.Fit) -> object:
    """Do what lme4's contestant does: vcov's errors, ranef with its conditional variances."""
    return model.std_errors, [
        (own.modes, np.sqrt(np.diagonal(own.conditional, axis1=1, axis2=2))) for own in model.random
    ]


def _tables(model: engine.Fit) -> object:
    """Add Satterthwaite's tests, lines of levels with joint errors, pooling, no pooling."""
    groups = [engine.group_effects(model, own.group) for own in model.random]
    return engine.fixed_effects(model), groups


_kenward_roger = partial(engine.fixed_effects, df="kenward-roger")

AFTER: dict[str, Callable[[engine.Fit], object]] = {
    "fit": _errors,
    "effects": _effects,
    "tables": _tables,
}


def main(folder: Path) -> None:
    task, table = read(folder)
    only_table = task.want == "kenward-roger"

    def model() -> engine.Fit:
        return engine.fit(task.formula, table, method="REML" if task.reml else "ML")

    fitted = model() if only_table else None

    def fit() -> object:
        """Fit; of a Kenward-Roger table, only what it takes beyond a fit."""
        return AFTER[task.want](model()) if fitted is None else _kenward_roger(fitted)

    def answer() -> Answer:
        found = fitted or model()
        rows = _kenward_roger(found) if only_table else engine.fixed_effects(found, df="none")
        effects: dict[str, float] = {}
        if task.want in {"effects", "tables"}:
            own = engine.group_effects(found, task.random[0])
            effects = dict(zip(own.levels, own.effects[:, 0].tolist(), strict=True))
        return {
            "criterion": found.statistics.criterion,
            "estimate": [row.estimate for row in rows],
            "std_error": [row.std_error for row in rows],
            "effects": effects,
        }

    play(f"{engine.__version__}, numpy {np.__version__}", fit, answer)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
