"""What a fitted model says, as tables: one row a parameter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from partialpool.frames import frame_of_rows
from service.schemas.fits import FittedModel

if TYPE_CHECKING:
    import pandas as pd


def fixed_effects(model: FittedModel) -> pd.DataFrame:
    """Return the fixed effects, by term."""
    return frame_of_rows(model.fixed_effects).set_index("term")


def covariance(model: FittedModel) -> pd.DataFrame:
    """Return the covariance matrix of the fixed effects."""
    import pandas as pd

    terms = [row.term for row in model.fixed_effects]
    return pd.DataFrame(model.covariance, index=terms, columns=terms)


def random_effects(model: FittedModel) -> pd.DataFrame:
    """Return the standard deviations and correlations of the random effects, as lme4's VarCorr."""
    import pandas as pd

    return pd.DataFrame(list(_spread(model)))


def parameters(model: FittedModel) -> pd.DataFrame:
    """Return all parameters, one a row: fixed effects, then the random ones, as broom's tidy."""
    import pandas as pd

    fixed = [{"effect": "fixed", "group": None, **row.model_dump()} for row in model.fixed_effects]
    random = [
        {
            "effect": "random",
            "group": row["group"],
            "term": f"{'cor' if row['with'] else 'sd'}__{row['term']}"
            + (f".{row['with']}" if row["with"] else ""),
            "estimate": row["estimate"],
        }
        for row in _spread(model)
    ]
    return pd.DataFrame([*fixed, *random])


def _spread(model: FittedModel) -> Iterator[dict[str, Any]]:
    for effects in model.random_effects:
        group, terms = effects.group, effects.terms
        for i, term in enumerate(terms):
            yield {"group": group, "term": term, "with": None, "estimate": effects.std_dev[i]}
        for i, term in enumerate(terms):
            for j in range(i):
                correlation = effects.correlation[i][j]
                yield {"group": group, "term": terms[j], "with": term, "estimate": correlation}
    sigma = model.residual_std_dev
    yield {"group": "Residual", "term": "Observation", "with": None, "estimate": sigma}


def statistics(model: FittedModel) -> pd.Series[float]:
    """Return criterion, likelihood and what follows, by name."""
    import pandas as pd

    return pd.Series(model.statistics.model_dump(), dtype=float, name="statistics")
