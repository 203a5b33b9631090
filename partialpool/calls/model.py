"""What a fitted model is asked for: effects, predictions, diagnostics, plots."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal

from partialpool.calls.asking import ask, get, get_frame, pairs, path_of, posting, table
from partialpool.calls.jobs import settled
from partialpool.calls.models import limits
from partialpool.errors import ProblemError
from partialpool.frames import ARROW, arrow_of, frame_of, joined
from partialpool.plots import Plot
from partialpool.session import AnySession
from partialpool.steps import Body, Request, Steps
from service.schemas.diagnostics import ModelDiagnostics
from service.schemas.fits import FittedModel
from service.schemas.plots import PlotFormat, PlotList
from service.schemas.predictions import NewLevels
from service.schemas.simulations import Simulated, SimulationRequest

if TYPE_CHECKING:
    import pandas as pd

FEW_ROWS: Final = 1_000
"""Rows that are predicted at once without asking how many may be."""
PART_ROWS: Final = 50_000
"""Most rows of one request."""
_ENDS: Final = {"confidence": "interval", "prediction": "prediction_interval"}


def summary(session: AnySession, info: FittedModel) -> Steps[str]:
    """Return the table that R's ``display`` prints."""
    request = Request("GET", path_of("models", info.id), headers={"Accept": "text/plain"})
    return (yield from ask(session, request)).text


def effects(
    session: AnySession, info: FittedModel, group: str | None = None
) -> Steps[pd.DataFrame]:
    """Return the effects of each level of a grouping factor, by level.

    Columns: ``n``, ``effects.*`` (lme4's ``ranef``), ``coefficients.*`` (``coef``), each with its
    ``estimate`` and ``std_error``; ``pooling_weight``, ``no_pooling.*``.

    Args:
        group: name of the factor; may be left out when the model has one.
    """
    name = _group(info, group)
    return (yield from _levels(session, path_of("models", info.id, "effects", name), name))


def pooling(
    session: AnySession, info: FittedModel, group: str | None = None
) -> Steps[pd.DataFrame]:
    """Return complete, no and partial pooling of each level, side by side."""
    name = _group(info, group)
    return (yield from _levels(session, path_of("models", info.id, "pooling", name), name))


def predict(
    session: AnySession,
    info: FittedModel,
    new: pd.DataFrame | Mapping[str, Any] | Iterable[Mapping[str, Any]],
    *,
    interval: Literal["confidence", "prediction"] | None = None,
    level: float = 0.95,
    thresholds: float | Iterable[float] = (),
    new_levels: NewLevels = "population",
    random_effects: Literal["all", "none"] | Iterable[str] = "all",
) -> Steps[pd.DataFrame]:
    """Predict new rows; the answer has their index.

    Args:
        new: a DataFrame, or what makes one. Columns that the model does not use are left out.
        interval: ``confidence`` (of the group's line) or ``prediction`` (of a new observation)
            gives columns ``estimate``, ``std_error``, ``lower`` and ``upper``; without it come all
            columns, both intervals and the outcome on its own scale.
        level: probability that intervals cover.
        thresholds: values of the response's column whose exceedance is asked for.
        new_levels: whether levels that the model has not seen are predicted, or refused.
        random_effects: those that are counted, as lme4's ``re.form``.
    """
    import pandas as pd

    frame = new if isinstance(new, pd.DataFrame) else pd.DataFrame(_columns(new))
    query = {
        "level": level,
        "thresholds": thresholds,
        "new_levels": new_levels,
        "random_effects": random_effects,
    }
    most = FEW_ROWS
    if len(frame) > most:
        most = min((yield from limits(session)).max_prediction_rows, PART_ROWS)
    found = []
    for start in range(0, max(len(frame), 1), most):
        answer = yield from _predicted(session, info, frame[start : start + most], pairs(query))
        found.append(frame_of(answer))
    whole = joined(found).set_index(frame.index)
    return whole if interval is None else _with_ends(whole, interval)


def simulate(
    session: AnySession,
    info: FittedModel,
    new: pd.DataFrame | None = None,
    *,
    n_sim: int = 1,
    seed: int = 0,
    random_effects: Simulated = "redraw",
    parameter_uncertainty: bool = False,
) -> Steps[pd.DataFrame]:
    """Draw new responses, for new rows or for those of the fit: a line for each row and draw."""
    asked = SimulationRequest(
        rows=None if new is None else _records(new),
        n_sim=n_sim,
        seed=seed,
        random_effects=random_effects,
        parameter_uncertainty=parameter_uncertainty,
    )
    request = posting(path_of("models", info.id, "simulations"), asked)
    return frame_of((yield from ask(session, table(request))))


def diagnostics(session: AnySession, info: FittedModel) -> Steps[ModelDiagnostics]:
    """Return shares of variance, residuals, leverage, Cook's distances and spread in short."""
    return (yield from get(session, path_of("models", info.id, "diagnostics"), ModelDiagnostics))


def residuals(session: AnySession, info: FittedModel) -> Steps[pd.DataFrame]:
    """Return fitted values, residuals, leverage and Cook's distance, by row of the dataset."""
    frames: list[pd.DataFrame] = []
    path = path_of("models", info.id, "diagnostics", "rows")
    request: Request | None = table(Request("GET", path, pairs({"limit": 100_000})))
    while request is not None:
        answer = yield from ask(session, request)
        frames.append(frame_of(answer))
        following = answer.links.get("next", {}).get("url")
        request = None if following is None else table(Request("GET", following))
    return joined(frames).set_index("row")


def influence(
    session: AnySession, info: FittedModel, group: str | None = None
) -> Steps[pd.DataFrame]:
    """Return what becomes of the estimates when each level of a group is left out."""
    name = _group(info, group)
    return (
        yield from _levels(session, path_of("models", info.id, "diagnostics", "levels", name), name)
    )


def plots(session: AnySession, info: FittedModel) -> Steps[PlotList]:
    """Return the plots that the model has, and what each may be asked for."""
    return (yield from get(session, path_of("models", info.id, "plots"), PlotList))


def plot(
    session: AnySession,
    info: FittedModel,
    /,
    name: str,
    *,
    format: PlotFormat = "svg",  # noqa: A002 - as in the query
    at: Mapping[str, object] | None = None,
    **options: str | float | Iterable[str] | None,
) -> Steps[Plot]:
    """Draw a plot, as ``caterpillar``, ``shrinkage`` or ``residuals``; a notebook shows it.

    Args:
        name: of one that ``plots()`` has.
        format: ``svg``, ``png``, ``html`` or ``vega-lite``.
        at: the new row of a plot that predicts: ``{"county": "AITKIN"}``.
        options: what else the plot may be asked for, as ``title``, ``group`` or ``level``.
    """
    held = [f"{column}:{value}" for column, value in (at or {}).items()]
    query = pairs({"format": format, "at": held, **options})
    accept = {"Accept": "*/*"}
    request = Request("GET", path_of("models", info.id, "plots", name), query, headers=accept)
    return Plot(name, format, (yield from settled(session, request)).content)


def delete(session: AnySession, info: FittedModel) -> Steps[None]:
    """Delete the model; fitting it again gives it the same id."""
    yield from ask(session, Request("DELETE", path_of("models", info.id)))


def _group(info: FittedModel, group: str | None) -> str:
    if group is not None:
        return group
    if len(info.groups) != 1:
        raise ValueError(f"the model has {len(info.groups)} groups: name one of {[*info.groups]}")
    return next(iter(info.groups))


def _levels(session: AnySession, path: str, group: str) -> Steps[pd.DataFrame]:
    found = yield from get_frame(session, path, {})
    return found.set_index("level").rename_axis(group)


def _columns(new: Any) -> Any:
    return dict(new) if isinstance(new, Mapping) else list(new)


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    cells = frame.astype(object).where(frame.notna(), None)
    return [
        dict(zip(map(str, frame.columns), row, strict=True)) for row in cells.to_numpy().tolist()
    ]


def _predicted(
    session: AnySession, info: FittedModel, frame: pd.DataFrame, query: tuple[tuple[str, str], ...]
) -> Steps[Any]:
    """Predict rows, without the columns that the service says the model does not use."""
    path = path_of("models", info.id, "predictions")
    while True:
        body = Body(arrow_of(frame), ARROW)
        try:
            return (yield from ask(session, table(Request("POST", path, query, {}, body, True))))
        except ProblemError as error:
            extra = {item.pointer for item in error.errors if item.code == "extra_key"}
            unused = [name for name in frame.columns if _pointer(str(name)) in extra]
            if not unused:
                raise
            frame = frame.drop(columns=unused)


def _pointer(column: str) -> str:
    return "#/columns/" + column.replace("~", "~0").replace("/", "~1")


def _with_ends(whole: pd.DataFrame, interval: Literal["confidence", "prediction"]) -> pd.DataFrame:
    ends = _ENDS[interval]
    error = "std_error" if interval == "confidence" else "prediction_std_error"
    found = whole[["estimate", error, f"{ends}.lower", f"{ends}.upper"]]
    return found.set_axis(["estimate", "std_error", "lower", "upper"], axis="columns")
