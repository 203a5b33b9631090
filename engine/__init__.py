"""Linear mixed models by maximum likelihood and REML: arrays and tables in, frozen results out."""

from engine.archive import from_bytes, to_bytes
from engine.caps import CAPS, Caps
from engine.display import display
from engine.effects import GroupEffects, group_effects
from engine.errors import DataError, EngineError, FormulaError, LimitError, Problem, SpecError
from engine.examine import Dimensions, Examination, examine
from engine.fit import Convergence, Fit, RandomEffects, fit, fit_spec
from engine.formula import Formula, parse
from engine.inference.anova import AnovaTerm, anova
from engine.inference.contrasts import Contrast, contrast
from engine.inference.fixed import FixedEffect, fixed_effects
from engine.inference.means import MarginalMean, MarginalMeans, marginal_means
from engine.inference.pairs import Difference, pairwise_differences
from engine.inference.tests import FTest, f_test, t_test
from engine.newdata import Predictor, predictors
from engine.outcome import Outcome, ResponseDescription, describe_response
from engine.prediction import Predictions, Predictive, predict
from engine.spec import Spec
from engine.statistics import Statistics
from engine.version import __version__

__all__ = [
    "CAPS",
    "AnovaTerm",
    "Caps",
    "Contrast",
    "Convergence",
    "DataError",
    "Difference",
    "Dimensions",
    "EngineError",
    "Examination",
    "FTest",
    "Fit",
    "FixedEffect",
    "Formula",
    "FormulaError",
    "GroupEffects",
    "LimitError",
    "MarginalMean",
    "MarginalMeans",
    "Outcome",
    "Predictions",
    "Predictive",
    "Predictor",
    "Problem",
    "RandomEffects",
    "ResponseDescription",
    "Spec",
    "SpecError",
    "Statistics",
    "__version__",
    "anova",
    "contrast",
    "describe_response",
    "display",
    "examine",
    "f_test",
    "fit",
    "fit_spec",
    "fixed_effects",
    "from_bytes",
    "group_effects",
    "marginal_means",
    "pairwise_differences",
    "parse",
    "predict",
    "predictors",
    "t_test",
    "to_bytes",
]
