"""A plot of a fitted model: found by its tag, or gathered and drawn."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlencode

from msgspec import Struct, structs

from engine import EngineError, Problem, SpecError
from service.catalog import Dataset
from service.context import Services
from service.data import ONLY_SUMS, ROWS_NOT_KEPT, rows_of
from service.fitting import Fitted
from service.handlers import of_options
from service.plots.figure import Figure
from service.plots.page import page
from service.plots.pictures import picture_tag
from service.plots.registry import COMMON, PLOTS, Plot
from service.plots.subject import Subject
from service.problems import ProblemError
from service.schemas.plots import PlotFormat, PlotQuery
from service.summaries import is_summary

MEDIA: Final[dict[PlotFormat, str]] = {
    "vega-lite": "application/json",
    "svg": "image/svg+xml",
    "png": "image/png",
    "html": "text/html; charset=utf-8",
}
"""The media type of each form."""


class PlotWork(Struct, frozen=True, dict=True):
    """One plot of one model of one owner."""

    parts: Services
    owner: str
    fitted: Fitted
    plot: Plot
    asked: PlotQuery
    form: PlotFormat
    dataset: Dataset | None
    found: Any = None

    @property
    def tag(self) -> str:
        """The entity tag: the same for the same picture."""
        return picture_tag(
            model=self.fitted.row.id,
            plot=self.plot.name,
            asked=self.asked.model_dump(exclude={"format"}),
            form=self.form,
            dataset=None if self.dataset is None else self.dataset.name,
        )

    async def content(self) -> bytes:
        """Return the picture; raises the problem of a parameter, or of the drawing."""
        pictures, key = self.parts.pictures, (self.owner, self.tag)
        kept = pictures.kept(key)
        if kept is not None:
            return kept if self.form != "html" else page(kept, self._links())
        form = "vega-lite" if self.form == "html" else self.form
        drawn = await pictures.draw(key, self._figure, form, self.asked.scale)
        return drawn if self.form != "html" else page(drawn, self._links())

    async def _figure(self) -> Figure:
        table = None
        if self.plot.rows != "no" and has_rows(self.dataset):
            table = await rows_of(self.fitted, self.parts.datasets(self.owner), self.parts)
        name = None if self.dataset is None else self.dataset.name
        subject = Subject(self.fitted, name, table, self.found, self.asked.unit)
        return await self.parts.compute.run(_gathered, self.plot, subject, self.asked)

    def _links(self) -> dict[str, str]:
        given = self.asked.model_dump(exclude_unset=True, exclude={"format"}, mode="json")
        base = f"/v1/models/{self.fitted.row.id}/plots/{self.plot.name}"
        return {
            form: f"{base}?{urlencode({'format': form, **given}, doseq=True)}"
            for form in MEDIA
            if form != self.form
        }


def plot_of(fitted: Fitted, name: str) -> Plot:
    """Return a plot of a model; raises ``plot_not_found`` and says what the model lacks."""
    plot = PLOTS.get(name)
    if plot is None:
        detail = f"The plots are: {', '.join(PLOTS)}."
        raise ProblemError("plot_not_found", detail)
    lacking = plot.lacks(fitted.fit)
    if lacking is not None:
        item = replace(lacking, path=("path", "plot"))
        raise ProblemError("plot_not_found", _sentence(item.detail), [item])
    return plot


def require_taken(plot: Plot, asked: PlotQuery) -> None:
    """Raise ``invalid_request`` for parameters that this plot does not take."""
    extra = asked.model_fields_set - {*COMMON, *plot.takes}
    if extra:
        hint = f"It takes: {', '.join((*plot.takes, *COMMON))}."
        items = [
            Problem("unknown_key", f"This plot takes no {name}.", hint, ("query", name))
            for name in sorted(extra)
        ]
        raise ProblemError("invalid_request", items[0].detail, items)


async def dataset_of(parts: Services, owner: str, fitted: Fitted) -> Dataset | None:
    """Return the dataset of a model if it is still kept."""
    try:
        return await parts.datasets(owner).get(fitted.row.dataset_id)
    except ProblemError as error:
        if error.kind.code != "dataset_not_found":
            raise
        return None


def has_rows(dataset: Dataset | None) -> bool:
    """Tell whether the rows of a model are here."""
    return dataset is not None and not is_summary(dataset)


def require_rows(plot: Plot, dataset: Dataset | None) -> None:
    """Raise ``rows_not_kept`` or ``only_sums`` for a plot that needs rows that are not here."""
    if plot.rows != "needed" or has_rows(dataset):
        return
    if dataset is None:
        raise ProblemError("rows_not_kept", ROWS_NOT_KEPT)
    raise ProblemError("only_sums", ONLY_SUMS)


def _gathered(plot: Plot, subject: Subject, asked: PlotQuery) -> Figure:
    try:
        figure = plot.gather(subject, asked)
    except EngineError as error:
        if isinstance(error, SpecError):
            raise of_options(error, lambda path: ("query", *path)) from error
        raise
    words = dict(figure.words)
    words |= {"x": asked.x_title} if asked.x_title is not None else {}
    words |= {"y": asked.y_title} if asked.y_title is not None else {}
    return structs.replace(
        figure,
        title=figure.title if asked.title is None else asked.title,
        words=words,
        width=asked.width,
        height=asked.height,
    )


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."
