"""What a fitted model is asked for: tests, intervals, contrasts, means, comparisons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from partialpool.calls.asking import ask, get, get_frame, pairs, path_of, posting, read, table
from partialpool.calls.jobs import settled
from partialpool.calls.models import compare as compared
from partialpool.frames import frame_of, frame_of_rows
from partialpool.session import AnySession, Bound
from partialpool.steps import Request, Steps
from service.schemas.fits import DegreesOfFreedom, FittedModel
from service.schemas.inference import Adjustment, ContrastAsked, ContrastsRequest, FixedEffects
from service.schemas.intervals import IntervalMethod, Scale, VarianceParameters

if TYPE_CHECKING:
    import pandas as pd


def coefficients(
    session: AnySession,
    info: FittedModel,
    *,
    df: DegreesOfFreedom = "satterthwaite",
    level: float = 0.95,
) -> Steps[pd.DataFrame]:
    """Return the fixed effects with tests and Wald intervals by other degrees of freedom."""
    query = {"df": df, "level": level}
    path = path_of("models", info.id, "fixed-effects")
    found = yield from get(session, path, FixedEffects, query)
    return frame_of_rows(found.items).set_index("term")


def intervals(
    session: AnySession,
    info: FittedModel,
    method: IntervalMethod = "profile",
    *,
    level: float = 0.95,
    scale: Scale = "sd",
    n_sim: int = 1000,
    seed: int = 0,
) -> Steps[pd.DataFrame]:
    """Return intervals of all parameters, in the order of lme4's ``confint``: variances first.

    What takes long becomes a job, which is waited for.

    Args:
        method: profile likelihood, parametric bootstrap, or Wald.
        level: probability that they cover.
        scale: standard deviations, or variances.
        n_sim: replicates of the bootstrap.
        seed: of the bootstrap.
    """
    import pandas as pd

    query = {"interval": method, "level": level}
    query |= {"n_sim": n_sim, "seed": seed} if method == "bootstrap" else {}
    request = Request(
        "GET", path_of("models", info.id, "variance-parameters"), pairs({**query, "scale": scale})
    )
    spread = read((yield from settled(session, request)), VarianceParameters)
    request = Request("GET", path_of("models", info.id, "fixed-effects"), pairs(query))
    fixed = read((yield from settled(session, request)), FixedEffects)
    rows = [(row.name, row.estimate, row.lower, row.upper) for row in spread.items]
    rows += [(row.term, row.estimate, row.lower, row.upper) for row in fixed.items]
    columns = ["parameter", "estimate", "lower", "upper"]
    return pd.DataFrame(rows, columns=columns).set_index("parameter")


def anova(
    session: AnySession,
    info: FittedModel,
    *,
    type: Literal["III", "II", "I"] = "III",  # noqa: A002 - R's name
    df: DegreesOfFreedom = "satterthwaite",
) -> Steps[pd.DataFrame]:
    """Return F tests of the terms of the fixed effects, as lmerTest's ``anova``."""
    query = {"type": type, "df": df}
    return (yield from get_frame(session, path_of("models", info.id, "anova"), query))


def ranova(session: AnySession, info: FittedModel) -> Steps[pd.DataFrame]:
    """Return the test of each random term, as lmerTest's ``ranova``."""
    return (yield from get_frame(session, path_of("models", info.id, "random-effects-tests"), {}))


def contrasts(
    session: AnySession,
    info: FittedModel,
    weights: Mapping[str, Mapping[str, float]],
    *,
    df: DegreesOfFreedom = "satterthwaite",
    level: float = 0.95,
) -> Steps[pd.DataFrame]:
    """Return linear combinations of the fixed effects with tests and intervals.

    Args:
        weights: for each name the weights of its terms: ``{"upstairs": {"floor": 1}}``.
        df: how degrees of freedom are found.
        level: probability that the intervals cover.
    """
    asked = [ContrastAsked(name=name, weights=dict(each)) for name, each in weights.items()]
    body = ContrastsRequest(contrasts=asked, df=df, level=level)
    request = posting(path_of("models", info.id, "contrasts"), body)
    return frame_of((yield from ask(session, table(request))))


def marginal_means(
    session: AnySession,
    info: FittedModel,
    factors: str,
    *,
    pairs: bool = False,
    adjust: Adjustment = "tukey",
    df: DegreesOfFreedom = "satterthwaite",
    level: float = 0.95,
    at: Mapping[str, float] | None = None,
) -> Steps[pd.DataFrame]:
    """Return the means of a factor's levels, or the differences of all pairs, as emmeans.

    Args:
        factors: name of a factor, or several as ``a:b``.
        pairs: whether pairs of means are compared.
        adjust: how p-values and intervals of pairs allow for their number.
        df: how degrees of freedom are found.
        level: probability that the intervals cover.
        at: values of numeric predictors, instead of their means.
    """
    held = [f"{name}:{value}" for name, value in (at or {}).items()]
    query = {"pairs": pairs, "df": df, "level": level, "at": held, "adjust": adjust}
    if not pairs:
        del query["adjust"]
    return (
        yield from get_frame(session, path_of("models", info.id, "marginal-means", factors), query)
    )


def compare(
    session: AnySession,
    info: FittedModel,
    *others: Bound[Any, FittedModel] | str,
    test: bool = True,
) -> Steps[pd.DataFrame]:
    """Compare the model with others by AIC, BIC and likelihood-ratio tests (lme4's ``anova``)."""
    return (yield from compared(session, info.id, *others, test=test))
