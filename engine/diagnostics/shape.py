"""Whether values look normal and equally spread: summaries, to be read beside a plot.

The tests take residuals and conditional modes for independent draws. They are not: residuals are
correlated through the fit, and conditional modes are shrunk towards zero, the more so the fewer
rows their level has, and look more normal than the effects are. With many rows the tests find
departures that do not matter. Their p values are a reason to look, no more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

from engine.table import Codes, Floats

TESTED = 5_000
"""Most values that the test of normality takes: every so-manieth, in order."""
FEWEST = 3
FLAT = 1e-14
"""Values that spread over no more than this part of the largest are constant."""


@dataclass(frozen=True, slots=True)
class SummaryTest:
    """A test of a summary.

    Attributes:
        name: of the test.
        n: values it took.
        statistic: W of Shapiro-Wilk, chi-square of Breusch-Pagan, F of Brown-Forsythe.
        df: degrees of freedom: none, one or two.
        p_value: were the values independent, and as the test supposes.
    """

    name: str
    n: int
    statistic: float
    df: tuple[int, ...]
    p_value: float


@dataclass(frozen=True, slots=True)
class Shape:
    """The distribution of n values; NaN where it is not defined.

    Attributes:
        n: how many.
        mean, std_dev: with n - 1.
        skewness, kurtosis: of the sample, from central moments; 0 and 0 for a normal distribution.
        quantiles: least, quartiles, greatest.
        normality: Shapiro-Wilk on at most ``TESTED`` of them; ``None`` for fewer than three, or
            when all are the same.
    """

    n: int
    mean: float
    std_dev: float
    skewness: float
    kurtosis: float
    quantiles: tuple[float, ...]
    normality: SummaryTest | None

    @classmethod
    def of(cls, values: Floats) -> Shape:
        """The shape of one or more values."""
        n, mean = len(values), float(values.mean())
        centred = values - mean
        second = float(np.square(centred).mean())
        constant = second <= FLAT**2 * float(np.square(values).max())
        third, fourth = float((centred**3).mean()), float((centred**4).mean())
        return cls(
            n=n,
            mean=mean,
            std_dev=(second * n / (n - 1)) ** 0.5 if n > 1 else np.nan,
            skewness=np.nan if constant else third / second**1.5,
            kurtosis=np.nan if constant else fourth / second**2 - 3.0,
            quantiles=tuple(np.quantile(values, (0.0, 0.25, 0.5, 0.75, 1.0)).tolist()),
            normality=None if constant or n < FEWEST else _shapiro(values),
        )


def _shapiro(values: Floats) -> SummaryTest:
    sample = values[:: -(-len(values) // TESTED)]
    found = scipy.stats.shapiro(sample)
    return SummaryTest("Shapiro-Wilk", len(sample), float(found.statistic), (), float(found.pvalue))


def spread_by_fitted(residuals: Floats, fitted: Floats) -> SummaryTest | None:
    """Koenker's form of the Breusch-Pagan test: n R^2 of squared residuals on fitted values.

    Source: Koenker (1981) J. Econometrics 17, 107. ``None`` when either does not vary.
    """
    squares, line = np.square(residuals), fitted - fitted.mean()
    squares = squares - squares.mean()
    lengths = float(squares @ squares), float(line @ line)
    least = FLAT**2 * len(fitted) * float(np.square(fitted).max())
    if lengths[0] == 0.0 or lengths[1] <= least:
        return None
    n = len(fitted)
    statistic = n * float(squares @ line) ** 2 / (lengths[0] * lengths[1])
    return SummaryTest(
        "Breusch-Pagan (Koenker)", n, statistic, (1,), float(scipy.special.chdtrc(1, statistic))
    )


def spread_by_level(residuals: Floats, codes: Codes) -> SummaryTest | None:
    """Brown and Forsythe's form of Levene's test, over the levels with two rows or more.

    An analysis of variance of absolute deviations from the level's median (Brown, Forsythe 1974, J.
    Amer. Statist. Assoc. 69, 364). ``None`` with fewer than two such levels, or nothing to compare.
    """
    counts = np.bincount(codes)
    use = counts[codes] >= 2
    residuals, codes = residuals[use], np.unique(codes[use], return_inverse=True)[1]
    n, n_levels = len(residuals), int(codes.max()) + 1 if len(codes) else 0
    if n_levels < 2 or n <= n_levels:
        return None
    import pandas as pd  # a tenth of a second to import

    median = pd.Series(residuals).groupby(codes).median().to_numpy()
    deviations = np.abs(residuals - median[codes])
    counts = np.bincount(codes)
    means = np.bincount(codes, weights=deviations) / counts
    between = float(counts @ np.square(means - deviations.mean()))
    within = float(np.square(deviations - means[codes]).sum())
    if within == 0.0:
        return None
    df = (n_levels - 1, n - n_levels)
    statistic = between / df[0] / (within / df[1])
    return SummaryTest(
        "Brown-Forsythe", n, statistic, df, float(scipy.special.fdtrc(*df, statistic))
    )
