"""Linear mixed models by maximum likelihood and REML: arrays and tables in, frozen results out."""

from engine.archive import from_bytes, to_bytes
from engine.caps import CAPS, Caps
from engine.diagnostics import (
    Components,
    Diagnostics,
    LevelInfluence,
    ModesShape,
    RowDiagnostics,
    RowsSummary,
    Shape,
    Spread,
    SummaryTest,
    VarianceShare,
    diagnose,
    diagnose_rows,
    level_influence,
    principal_components,
    row_diagnostics,
    variance_partition,
)
from engine.display import display
from engine.effects import GroupEffects, group_effects
from engine.errors import DataError, EngineError, FormulaError, LimitError, Problem, SpecError
from engine.examine import Dimensions, Examination, examine
from engine.fit import Convergence, Fit, RandomEffects, fit, fit_spec
from engine.formula import Formula, parse
from engine.inference.fixed import FixedEffect, fixed_effects
from engine.newdata import Predictor, predictors
from engine.outcome import Outcome, ResponseDescription, describe_response
from engine.pooling import Pooling, pooling
from engine.prediction import Predictions, Predictive, predict
from engine.spec import Spec
from engine.statistics import Statistics
from engine.version import __version__

__all__ = [
    "CAPS",
    "Caps",
    "Components",
    "Convergence",
    "DataError",
    "Diagnostics",
    "Dimensions",
    "EngineError",
    "Examination",
    "Fit",
    "FixedEffect",
    "Formula",
    "FormulaError",
    "GroupEffects",
    "LevelInfluence",
    "LimitError",
    "ModesShape",
    "Outcome",
    "Pooling",
    "Predictions",
    "Predictive",
    "Predictor",
    "Problem",
    "RandomEffects",
    "ResponseDescription",
    "RowDiagnostics",
    "RowsSummary",
    "Shape",
    "Spec",
    "SpecError",
    "Spread",
    "Statistics",
    "SummaryTest",
    "VarianceShare",
    "__version__",
    "describe_response",
    "diagnose",
    "diagnose_rows",
    "display",
    "examine",
    "fit",
    "fit_spec",
    "fixed_effects",
    "from_bytes",
    "group_effects",
    "level_influence",
    "parse",
    "pooling",
    "predict",
    "predictors",
    "principal_components",
    "row_diagnostics",
    "to_bytes",
    "variance_partition",
]
