"""Linear mixed models by maximum likelihood and REML: arrays and tables in, frozen results out."""

from engine import arrow
from engine.appended import append, constants_of_rows
from engine.archive import from_bytes, to_bytes
from engine.caps import CAPS, Caps
from engine.comparison import (
    ComparedModel,
    Comparison,
    LikelihoodRatio,
    RandomTermTest,
    compare,
    ranova,
)
from engine.convergence import Convergence
from engine.diagnostics import (
    Components,
    Diagnostics,
    LevelInfluence,
    ModesShape,
    NormalQuantiles,
    RowDiagnostics,
    RowsSummary,
    Shape,
    Spread,
    SummaryTest,
    VarianceShare,
    diagnose,
    diagnose_rows,
    level_influence,
    normal_quantiles,
    principal_components,
    row_diagnostics,
    variance_partition,
)
from engine.display import display
from engine.effects import GroupEffects, group_effects
from engine.errors import (
    DataError,
    EngineError,
    FormulaError,
    LimitError,
    Problem,
    RowsNeededError,
    SpecError,
)
from engine.examine import Dimensions, Examination, examine
from engine.files import read_table
from engine.fit import Fit, fit, fit_spec
from engine.formula import Formula, parse
from engine.inference.anova import AnovaTerm, anova
from engine.inference.bootstrap import (
    Bootstrap,
    BootstrapInterval,
    Replicates,
    bootstrap,
    chunks,
    replicates,
)
from engine.inference.contrasts import Contrast, contrast
from engine.inference.fixed import FixedEffect, fixed_effects
from engine.inference.intervals import Interval, Intervals, variance_intervals
from engine.inference.means import MarginalMean, MarginalMeans, marginal_means
from engine.inference.pairs import Difference, pairwise_differences
from engine.inference.parameters import Parameter, parameters
from engine.inference.profile import Profile, profile
from engine.inference.tests import FTest, f_test, t_test
from engine.levelmeans import LevelMeans, level_means
from engine.needs import Needs, Predictor, optional_predictors, predictors
from engine.outcome import Outcome, ResponseDescription, describe_response
from engine.parquet import ParquetRows, Scan, scan_parquet
from engine.partition import (
    Ground,
    LevelNames,
    Partial,
    Partition,
    can_be_parted,
    fit_partial,
    partial,
    partitions,
    survey,
)
from engine.pooling import Pooling, pooling
from engine.prediction import Predictions, Predictive, predict
from engine.progress import Progress
from engine.randomeffects import RandomEffects
from engine.simulation import Simulator, simulate
from engine.spec import Spec
from engine.statistics import Statistics
from engine.summaries import (
    Summary,
    digest_of,
    fit_summary,
    merge,
    read_summary,
    summarise,
    write_summary,
)
from engine.table import level_text
from engine.unpooled import PooledLines, Unpooled, pooled_lines, unpooled
from engine.version import __version__

__all__ = [
    "CAPS",
    "AnovaTerm",
    "Bootstrap",
    "BootstrapInterval",
    "Caps",
    "ComparedModel",
    "Comparison",
    "Components",
    "Contrast",
    "Convergence",
    "DataError",
    "Diagnostics",
    "Difference",
    "Dimensions",
    "EngineError",
    "Examination",
    "FTest",
    "Fit",
    "FixedEffect",
    "Formula",
    "FormulaError",
    "Ground",
    "GroupEffects",
    "Interval",
    "Intervals",
    "LevelInfluence",
    "LevelMeans",
    "LevelNames",
    "LikelihoodRatio",
    "LimitError",
    "MarginalMean",
    "MarginalMeans",
    "ModesShape",
    "Needs",
    "NormalQuantiles",
    "Outcome",
    "Parameter",
    "ParquetRows",
    "Partial",
    "Partition",
    "PooledLines",
    "Pooling",
    "Predictions",
    "Predictive",
    "Predictor",
    "Problem",
    "Profile",
    "Progress",
    "RandomEffects",
    "RandomTermTest",
    "Replicates",
    "ResponseDescription",
    "RowDiagnostics",
    "RowsNeededError",
    "RowsSummary",
    "Scan",
    "Shape",
    "Simulator",
    "Spec",
    "SpecError",
    "Spread",
    "Statistics",
    "Summary",
    "SummaryTest",
    "Unpooled",
    "VarianceShare",
    "__version__",
    "anova",
    "append",
    "arrow",
    "bootstrap",
    "can_be_parted",
    "chunks",
    "compare",
    "constants_of_rows",
    "contrast",
    "describe_response",
    "diagnose",
    "diagnose_rows",
    "digest_of",
    "display",
    "examine",
    "f_test",
    "fit",
    "fit_partial",
    "fit_spec",
    "fit_summary",
    "fixed_effects",
    "from_bytes",
    "group_effects",
    "level_influence",
    "level_means",
    "level_text",
    "marginal_means",
    "merge",
    "normal_quantiles",
    "optional_predictors",
    "pairwise_differences",
    "parameters",
    "parse",
    "partial",
    "partitions",
    "pooled_lines",
    "pooling",
    "predict",
    "predictors",
    "principal_components",
    "profile",
    "ranova",
    "read_summary",
    "read_table",
    "replicates",
    "row_diagnostics",
    "scan_parquet",
    "simulate",
    "summarise",
    "survey",
    "t_test",
    "to_bytes",
    "unpooled",
    "variance_intervals",
    "variance_partition",
    "write_summary",
]
