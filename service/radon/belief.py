"""What is believed of the level of radon in one house, and what a test does to it."""

from __future__ import annotations

from math import exp, inf, log, sqrt
from typing import Final

from msgspec import Struct, structs

from service.radon import normal
from service.radon.terms import Kind

TEST_LOG_SD: Final[dict[Kind, float]] = {"short-term": log(1.8), "long-term": log(1.2)}
"""The standard deviation of the logarithm of a reading about that of the level, by kind of test.

Lin, Gelman, Price, Krantz 1999, Statistical Science 14(3), 305-337; Gelman et al., Bayesian Data
Analysis, 3rd edition, section 9.4.
"""


class Belief(Struct, frozen=True):
    """A level R with log(R + offset) normal: lognormal where the offset is 0.

    Attributes:
        log_mean, log_sd: of log(R + offset); the second is positive.
        offset: in the unit of R; that of the model, log(radon + 0.1), or 0.
    """

    log_mean: float
    log_sd: float
    offset: float = 0.0

    @property
    def geometric_mean(self) -> float:
        """Of R + offset: also its median."""
        return exp(self.log_mean)

    @property
    def geometric_sd(self) -> float:
        """Of R + offset."""
        return exp(self.log_sd)

    @property
    def median(self) -> float:
        """Half of such houses have more."""
        return max(self.geometric_mean - self.offset, 0.0)

    @property
    def mean(self) -> float:
        """The expected level."""
        return exp(self.log_mean + 0.5 * self.log_sd**2) - self.offset

    def interval(self, level: float) -> tuple[float, float]:
        """Return the ends of the interval that holds R with this probability, as often below it."""
        reach = normal.quantile(0.5 + 0.5 * level) * self.log_sd
        lower, upper = (exp(self.log_mean + side) - self.offset for side in (-reach, reach))
        return max(lower, 0.0), max(upper, 0.0)

    def exceedance(self, threshold: float) -> float:
        """Return the probability that R is above a threshold."""
        return normal.below((self.log_mean - self.log_of(threshold)) / self.log_sd)

    def log_of(self, level: float) -> float:
        """Return where a level is on the scale of ``log_mean``."""
        shifted = level + self.offset
        return log(shifted) if shifted > 0.0 else -inf

    def scaled(self, factor: float) -> Belief:
        """Return what is believed of R times a factor."""
        return structs.replace(
            self, log_mean=self.log_mean + log(factor), offset=self.offset * factor
        )

    def updated(self, reading: float, log_sd: float) -> Belief:
        """Return what is believed once a test has read this.

        log(reading + offset) is normal about log(R + offset) with ``log_sd``, so the posterior is
        normal too: precisions add, means are weighted by them.
        """
        prior, test = self.log_sd**-2, log_sd**-2
        precision = prior + test
        mean = (prior * self.log_mean + test * self.log_of(reading)) / precision
        return structs.replace(self, log_mean=mean, log_sd=1.0 / sqrt(precision))
