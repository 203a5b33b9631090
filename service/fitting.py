"""Fits by their key: found, or made once however many ask."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection
from functools import cached_property
from typing import Final

import pyarrow as pa
from msgspec import Struct, field, structs

from engine import (
    EngineError,
    Fit,
    GroupEffects,
    LevelInfluence,
    Predictive,
    Progress,
    Summary,
    append,
    fit_spec,
    fit_summary,
    from_bytes,
    group_effects,
    level_influence,
    to_bytes,
)
from service import answers
from service.blobs import Blobs
from service.catalog import Model, Models
from service.compute import Compute
from service.flights import Flights
from service.negotiation import etag_of
from service.orders import Order
from service.problems import ProblemError
from service.shelf import Shelf
from service.stored import Appended, Source
from service.work import until

SUFFIX: Final = ".fit"

# A fit in memory weighs about its saved bytes; the answer and the effects as much again, and more.
_WEIGHT: Final = 3


class Fitted(Struct, frozen=True, dict=True):
    """A fitted model, ready to answer: its row, the fit, and its JSON as sent."""

    row: Model
    fit: Fit
    body: bytes
    etag: str

    @cached_property
    def predictive(self) -> Predictive:
        """The fit made ready to predict."""
        return Predictive.of(self.fit)

    def group(self, name: str) -> GroupEffects:
        """Return the effects of a group, computed once; raises ``group_not_found``."""
        found = self._effects.get(name)
        if found is None:
            self.require_group(name)
            found = self._effects[name] = group_effects(self.fit, name)
        return found

    def influence(self, name: str, table: pa.Table) -> LevelInfluence:
        """Return what each level of a group does to the fit, computed once of its rows."""
        found = self._influences.get(name)
        if found is None:
            found = self._influences[name] = level_influence(self.fit, table, name)
        return found

    def require_group(self, name: str) -> None:
        """Raise ``group_not_found`` unless the model has a group of this name."""
        known = [effects.group for effects in self.fit.random]
        if name not in known:
            listed = ", ".join(known) or "none"
            raise ProblemError("group_not_found", f"The groups of the model are: {listed}.")

    @cached_property
    def _effects(self) -> dict[str, GroupEffects]:
        return {}

    @cached_property
    def _influences(self) -> dict[str, LevelInfluence]:
        return {}


class Found(Struct, frozen=True):
    """A fitted model, and what took how many milliseconds if it was made just now."""

    fitted: Fitted
    timings: dict[str, float] = field(default_factory=dict)


class _Made(Struct, frozen=True):
    fitted: Fitted
    saved: bytes


class Fitting:
    """Finds and makes fits.

    ``fits`` counts those made since the start: a found one adds nothing.
    """

    def __init__(self, blobs: Blobs, compute: Compute, capacity: int, wait: float) -> None:
        self._blobs = blobs
        self._compute = compute
        self._shelf: Shelf[tuple[str, str], Fitted] = Shelf(capacity)
        self._flights = Flights()
        self._wait = wait
        self.fits = 0

    async def find(self, models: Models, ref: str) -> Fitted | None:
        """Return the fitted model of this id if it is kept; one that is damaged is not."""
        held = self.held(models, ref)
        if held is not None:
            return held
        row = await models.find(ref)
        if row is None:
            self._shelf.drop((models.owner, ref))
            return None
        try:
            return self._on_shelf(models, row) or await self._load(models, row)
        except ProblemError as error:
            if error.kind.code != "corrupt_artefact":
                raise
        await self.delete(models, ref)  # its file is damaged or gone: it can be made anew
        return None

    async def make(
        self,
        models: Models,
        order: Order,
        read: Callable[[], Awaitable[Source]],
        seconds: float,
        reread: str | None = None,
    ) -> Found:
        """Fit ``order`` in a thread to what ``read`` returns, and keep the fit.

        ``reread`` says why rows are read whose sums there were.

        Raises ``EngineError`` when it cannot be fitted, ``Outlasted`` after so many seconds.
        """
        begun = time.perf_counter()
        source = await read()
        got = time.perf_counter()
        made = await self._compute.run(_fit, order, source, seconds, reread)
        self.fits += 1
        done = time.perf_counter()
        blob = await self._blobs.put(made.saved, SUFFIX)
        new = structs.replace(made.fitted.row, blob=blob, size_bytes=len(made.saved))
        row = await self.add(models, new)
        if row.blob == blob:
            fitted = structs.replace(made.fitted, row=row)
            self._keep(models.owner, fitted, len(made.saved))
        else:  # another replica was faster: what it wrote is what everyone sees
            fitted = await self._load(models, row)
        kept = time.perf_counter()
        parts = {"read": got - begun, "compute": done - got, "store": kept - done}
        timings = {name: 1e3 * took for name, took in parts.items()}
        return Found(fitted, {"fit": made.fitted.row.summary["elapsed_ms"], **timings})

    async def add(self, models: Models, new: Model) -> Model:
        """Keep a row whose file is stored, and no file that no row speaks of.

        Returns the row that is there: that of whoever was faster. Raises ``quota_exceeded``.
        """
        kept = False
        try:
            row = await models.add(new)
            kept = row.blob == new.blob
        finally:
            if not kept and not await models.keeps(new.blob):  # or it was, and only not heard of
                await self._blobs.delete(new.blob)
        return row

    async def get(self, models: Models, ref: str) -> Fitted:
        """Return the fitted model of this id; raises ``model_not_found``."""
        held = self.held(models, ref)
        if held is not None:
            return held
        try:
            row = await models.get(ref)
        except ProblemError:
            self._shelf.drop((models.owner, ref))
            raise
        held = self._on_shelf(models, row)
        if held is not None:
            return held
        fitted, _ = await self._flights.once(
            (models.owner, ref, "load"), lambda: self._load(models, row), self._wait
        )
        return fitted

    def held(self, models: Models, ref: str) -> Fitted | None:
        """Return the model of this id if it is in memory and was in the catalog a moment ago."""
        row = models.known(ref)
        return None if row is None else self._on_shelf(models, row)

    def holding(self) -> list[tuple[str, str]]:
        """Return owner and file of the models in memory."""
        return [(owner, fitted.row.blob) for (owner, _), fitted in self._shelf.items()]

    def drop(self, gone: Collection[tuple[str, str]]) -> None:
        """Hold models of these owners and files no longer."""
        for (owner, ref), fitted in self._shelf.items():
            if (owner, fitted.row.blob) in gone:
                self._shelf.drop((owner, ref))

    async def delete(self, models: Models, ref: str, unused: float | None = None) -> None:
        """Forget a model and its file; with ``unused``, only if it was not used for so long."""
        row = await models.delete(ref, unused)
        self._shelf.drop((models.owner, ref))
        if not await models.keeps(row.blob):
            await self._blobs.delete(row.blob)

    async def close(self) -> None:
        """Drop what is under way."""
        await self._flights.close()

    async def _load(self, models: Models, row: Model) -> Fitted:
        saved = await self._blobs.read(row.blob)
        fitted = await self._compute.run(_revive, row, saved)
        self._keep(models.owner, fitted, len(saved))
        return fitted

    def _on_shelf(self, models: Models, row: Model) -> Fitted | None:
        """Return the model in memory, if it is the one of this row and not one made before it."""
        held = self._shelf.get((models.owner, row.id))
        return held if held is not None and held.row.blob == row.blob else None

    def _keep(self, owner: str, fitted: Fitted, saved: int) -> None:
        self._shelf.put((owner, fitted.row.id), fitted, _WEIGHT * (saved + len(fitted.body)))


def _fit(order: Order, source: Source, seconds: float, reread: str | None) -> _Made:
    row, fit = fit_order(order, source, until(seconds), reread)
    return _Made(_ready(row, fit), to_bytes(fit))


def fit_order(
    order: Order, source: Source, progress: Progress, reread: str | None = None
) -> tuple[Model, Fit]:
    """Fit an order to rows or sums; return the row, without the key of its file, and the fit.

    Raises ``RowsNeededError`` when the sums of a fit cannot serve, ``EngineError`` otherwise.
    """
    begun, spec = time.perf_counter(), order.specified.spec
    match source:
        case Summary():
            fit = fit_summary(source, spec, progress=progress)
            rows = answers.Rows(0, None, None)
        case Appended():
            fit = append(source.fit, source.rows, spec, progress=progress)
            rows = answers.Rows(_count(fit) - _count(source.fit), source.dataset, None)
        case _:
            fit = fit_spec(spec, source, progress=progress)
            rows = answers.Rows(_count(fit), None, reread)
    elapsed = 1e3 * (time.perf_counter() - begun)
    return answers.row(order, fit, round(elapsed, 3), rows), fit


def _count(fit: Fit) -> int:
    return fit.n_rows + fit.n_dropped


def _revive(row: Model, saved: bytes) -> Fitted:
    try:
        fit = from_bytes(saved)
    except EngineError as error:  # written by a version of the engine that this one cannot read
        raise ProblemError("corrupt_artefact") from error
    return _ready(row, fit)


def _ready(row: Model, fit: Fit) -> Fitted:
    body = answers.model(row, fit).model_dump_json().encode()
    return Fitted(row, fit, body, etag_of(body))
