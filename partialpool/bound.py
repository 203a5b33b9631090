"""What models, datasets and jobs know without asking, whichever client they are of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from partialpool import tables
from partialpool.session import Bound, S
from service.schemas.datasets import DatasetSummary
from service.schemas.fits import FittedModel
from service.schemas.jobs import Job as JobInfo
from service.schemas.jobs import State

if TYPE_CHECKING:
    import pandas as pd


class BoundModel(Bound[S, FittedModel]):
    """A fitted model; ``info`` is all that the service says of it."""

    @property
    def formula(self) -> str:
        """The formula, spelt as R prints it."""
        return self.info.formula

    @property
    def groups(self) -> dict[str, int]:
        """Number of levels of each grouping factor."""
        return self.info.groups

    @property
    def n_rows(self) -> int:
        """Rows fitted."""
        return self.info.n_rows

    @property
    def parameters(self) -> pd.DataFrame:
        """All parameters, one a row, as broom's ``tidy``: fixed effects, then the random ones."""
        return tables.parameters(self.info)

    @property
    def fixed_effects(self) -> pd.DataFrame:
        """Fixed effects with Satterthwaite's tests and 95 % Wald intervals, by term."""
        return tables.fixed_effects(self.info)

    @property
    def random_effects(self) -> pd.DataFrame:
        """Standard deviations and correlations of the random effects, as lme4's ``VarCorr``."""
        return tables.random_effects(self.info)

    @property
    def covariance(self) -> pd.DataFrame:
        """Covariance matrix of the fixed effects, as lme4's ``vcov``."""
        return tables.covariance(self.info)

    @property
    def statistics(self) -> pd.Series[float]:
        """Criterion, log-likelihood, AIC, BIC, deviance, DIC, ICC, R-squared."""
        return tables.statistics(self.info)

    @property
    def converged(self) -> bool:
        """Whether the end of the search can be trusted; ``info.convergence`` says more."""
        return self.info.convergence.converged

    def __repr__(self) -> str:
        return f"<Model {self.id}: {self.formula}, {self.info.method}, {self.n_rows} rows>"


class BoundDataset(Bound[S, DatasetSummary]):
    """A table at the service; ``info`` is what the service says of it."""

    @property
    def name(self) -> str | None:
        """Name that stands for the id; None when it has none."""
        return self.info.name

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return self.info.n_rows

    def __repr__(self) -> str:
        return f"<Dataset {self.name or self.id}: {self.n_rows} rows>"


class BoundJob(Bound[S, JobInfo]):
    """Long work of the service, as it was when it was asked; ``info`` is all that it says."""

    @property
    def state(self) -> State:
        """``queued``, ``running``, ``succeeded``, ``failed`` or ``cancelled``."""
        return self.info.state

    @property
    def progress(self) -> float:
        """How much of the work is done, from 0 to 1."""
        return self.info.progress

    def __repr__(self) -> str:
        return f"<Job {self.id}: {self.info.title}, {self.state}, {self.progress:.0%}>"
