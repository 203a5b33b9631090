"""The models that answer for a county, and which one does.

They are fitted by the machinery of every other model: by the formula, to a bundled table, stored
under an id, once however many ask. docs/radon.md says how they were chosen and how well they do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import hypot
from typing import Final

from msgspec import Struct

from engine import Predictions
from service import bundled
from service.catalog import Job
from service.context import Services
from service.data import data_of, rows_of
from service.fits import FitWork
from service.fitting import Fitted
from service.orders import Order, specify
from service.preference import Preference
from service.problems import ProblemError
from service.radon.belief import Belief
from service.radon.places import OFFSET, County
from service.radon.spread import spread_by_state
from service.radon.tables import MINNESOTA, NATION, bundled_table
from service.radon.terms import Floor, Scope
from service.schemas.fits import FitRequest

FLOORS: Final[dict[Floor, int]] = {"basement": 0, "first": 1}


class RadonModel(Struct, frozen=True):
    """A model of log(radon + 0.1).

    Attributes:
        scope: whose houses it is of.
        dataset: name of the bundled table.
        formula: in lme4's language.
        group: the factor whose levels are counties.
        uranium: whether the county's uranium is a predictor.
    """

    scope: Scope
    dataset: str
    formula: str
    group: str
    uranium: bool

    def level(self, county: County) -> str:
        """Return the county's level of ``group``."""
        return county.name if self.scope == "minnesota" else f"{county.fips}:{county.state}"

    def columns(self, counties: Sequence[County], floor: Floor) -> dict[str, list[object]]:
        """Return the rows that stand for a house in each of the counties, as columns."""
        columns: dict[str, list[object]] = {"floor": [FLOORS[floor]] * len(counties)}
        if self.uranium:
            columns["log_uranium"] = [county.log_uranium for county in counties]
        if self.scope == "minnesota":
            return columns | {"county": [county.name for county in counties]}
        return columns | {
            "state": [county.state for county in counties],
            "fips": [county.fips for county in counties],
        }


STATE: Final = RadonModel(
    "minnesota",
    MINNESOTA,
    f"log(radon + {OFFSET}) ~ floor + log_uranium + (1 | county)",
    "county",
    uranium=True,
)
COUNTRY: Final = RadonModel(
    "national",
    NATION,
    f"log(radon + {OFFSET}) ~ pmin(floor, 1) + log_uranium + (1 | state/fips)",
    "fips:state",
    uranium=True,
)
UNMEASURED: Final = RadonModel(
    "national",
    NATION,
    f"log(radon + {OFFSET}) ~ pmin(floor, 1) + (1 | state/fips)",
    "fips:state",
    uranium=False,
)
"""For counties whose uranium was not measured."""


def model_for(county: County, scope: Scope | None = None) -> RadonModel:
    """Return the model that answers for a county: Minnesota's own for Minnesota, unless asked."""
    if county.log_uranium is None:
        return UNMEASURED
    return STATE if county.state == "MN" and scope != "national" else COUNTRY


class Line(Struct, frozen=True):
    """What a model says of a house in a county.

    Attributes:
        belief: of the reading of a screening test in this house, in pCi/L.
        std_error: of the county's line, on the scale of the logarithm.
        weight: of the county's own houses, from 0 to 1.
        n: how many of them the model has.
    """

    belief: Belief
    std_error: float
    weight: float
    n: int


class Ready(Struct, frozen=True):
    """A model that is fitted.

    Attributes:
        model: which one.
        fitted: the fit, as it is stored.
        spread: the residual standard deviation by state; empty where the fit's own is right.
    """

    model: RadonModel
    fitted: Fitted
    spread: Mapping[str, float]

    def lines(self, counties: Sequence[County], floor: Floor) -> list[Line]:
        """Return what the model says of a house in each of the counties."""
        said = self.fitted.predictive.predict(self.model.columns(counties, floor))
        effects = self.fitted.group(self.model.group)
        own = zip(effects.pooling_weight.tolist(), effects.n.tolist(), strict=True)
        known = dict(zip(effects.levels, own, strict=True))
        return [
            Line(
                self._belief(county, said, i),
                float(said.std_error[i]),
                *known.get(self.model.level(county), (0.0, 0)),
            )
            for i, county in enumerate(counties)
        ]

    def _belief(self, county: County, said: Predictions, place: int) -> Belief:
        log_sd = float(said.prediction_std_error[place])
        if self.spread:
            log_sd = hypot(float(said.std_error[place]), self.spread[county.state])
        return Belief(float(said.estimate[place]), log_sd, OFFSET)


# The spreads of national fits, which follow from their ids, once they are known.
_SPREADS: Final[dict[str, Mapping[str, float]]] = {}


async def ready(parts: Services, owner: str, model: RadonModel) -> Ready:
    """Return a model fitted, found or made.

    Raises ``still_fitting`` when that takes longer than a request waits.
    """
    fitted = await _fitted(parts, owner, model)
    if model.scope == "minnesota":
        return Ready(model, fitted, {})
    found = _SPREADS.get(fitted.row.id)
    if found is None:
        table = await rows_of(fitted, parts.datasets(owner), parts)
        states = table["state"].to_pylist()
        found = await parts.compute.run(spread_by_state, fitted.fit, table, states)
        _SPREADS[fitted.row.id] = found
    return Ready(model, fitted, found)


async def _fitted(parts: Services, owner: str, model: RadonModel) -> Fitted:
    dataset = await bundled.kept(parts, owner, bundled_table(model.dataset))
    asked = FitRequest(dataset=dataset.id, formula=model.formula)
    specified = specify(asked)
    order = Order.of(specified, dataset.id, dataset.content_hash)
    held = parts.fitting.held(parts.models(owner), order.id)
    if held is not None:
        return held
    data = await data_of(asked, parts.datasets(owner), parts)
    work = FitWork(parts, owner, order, data)
    preference = Preference(False, parts.settings.wait_seconds, "")
    obtained = await parts.desk.obtain(parts.jobs(owner), work, preference)
    if isinstance(obtained, Job):
        raise ProblemError("still_fitting")
    return obtained.value.fitted
