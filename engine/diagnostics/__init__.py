"""What rows and levels do to a fit, by a second look at the rows; a fit itself keeps none."""

from engine.diagnostics.influence import LevelInfluence, level_influence
from engine.diagnostics.quantiles import NormalQuantiles, normal_quantiles
from engine.diagnostics.rows import RowDiagnostics, row_diagnostics
from engine.diagnostics.shape import Shape, SummaryTest
from engine.diagnostics.summary import (
    Diagnostics,
    ModesShape,
    RowsSummary,
    Spread,
    diagnose,
    diagnose_rows,
)
from engine.diagnostics.variance import (
    Components,
    VarianceShare,
    principal_components,
    variance_partition,
)

__all__ = [
    "Components",
    "Diagnostics",
    "LevelInfluence",
    "ModesShape",
    "NormalQuantiles",
    "RowDiagnostics",
    "RowsSummary",
    "Shape",
    "Spread",
    "SummaryTest",
    "VarianceShare",
    "diagnose",
    "diagnose_rows",
    "level_influence",
    "normal_quantiles",
    "principal_components",
    "row_diagnostics",
    "variance_partition",
]
