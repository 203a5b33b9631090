"""Fits as work that may take long: in a thread when they are small, else in a worker process."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final

import pyarrow as pa
from msgspec import Struct

from engine import Progress, RowsNeededError, Spec, Summary, constants_of_rows, parse
from service import parted, prices, tasks
from service.catalog import Claimed, Job, Model, Models
from service.context import Services
from service.data import Data, Version, kept_data
from service.fitting import Found
from service.orders import Order, Specified, sums_key
from service.problems import ProblemError
from service.stored import ARROW, Appended, Source, Stored, as_arrow, stored_of
from service.work import Label, Outlasted, Stowed

KIND: Final = "fit"

LARGE_CELLS: Final = 4_000_000
"""Cells of the columns of a model from which on its fit goes to a worker at once."""
CROSSED: Final = 20
"""So much more the cells count of a model that has several grouping factors."""


class Held(Struct, frozen=True):
    """A fit of the same columns, whose sums are those of a version of the dataset.

    ``model`` is its id, ``blob`` the key of its file.
    """

    model: str
    blob: str
    version: Version

    @property
    def sums(self) -> tasks.Sums:
        """What a worker is told of it."""
        return tasks.Sums(self.blob, self.version.id, self.version.parts)


class FitWork(Struct, frozen=True, dict=True):
    """One fit for one owner; the rows whose sums are ``held`` need not be read."""

    parts: Services
    owner: str
    order: Order
    data: Data
    held: Held | None = None

    @classmethod
    async def of(cls, parts: Services, owner: str, order: Order, data: Data) -> FitWork:
        """Return the work, with the sums that there are already."""
        held = None
        spec = order.specified.spec
        known = data.stored is not None and data.stored.reference is not None
        if known or len(data.versions) > 1 or _cells(spec, data.n_rows) >= LARGE_CELLS:
            held = await held_sums(parts.models(owner), order, data.versions)
        return cls(parts, owner, order, data, held)

    @property
    def label(self) -> Label:
        """What identifies it."""
        spec = self.order.specified.spec
        if self.held is not None:  # its sums, which are known, are held in memory as it is
            cells = _cells(spec, self.data.n_rows - self.held.version.n_rows)
        else:
            cells = max(_cells(spec, self.data.n_rows), self.data.sums(spec))
        return Label(
            key=self.order.key,
            kind=KIND,
            title=f"{spec.method} fit of {spec.formula.text}",
            href=f"/v1/models/{self.order.id}",
            large=cells >= LARGE_CELLS or self._scanned,
            price=prices.fit(cells),
        )

    @property
    def _scanned(self) -> bool:
        """Whether rows are read that are registered files: where memory is bounded."""
        stored = self.data.stored
        return self.held is None and stored is not None and stored.reference is not None

    async def find(self) -> Found | None:
        """Return the fit if it is kept."""
        parts = self.parts
        fitted = await parts.fitting.find(parts.models(self.owner), self.order.id)
        return None if fitted is None else Found(fitted)

    async def attempt(self) -> Found:
        """Fit in a thread; raises ``Outlasted``."""
        await self.parts.models(self.owner).require_room()
        spec, reread = self.order.specified.spec, reread_because(self.order, self.data.versions)
        if self.held is not None:
            try:
                return await self._make(partial(self._appended, self.held))
            except RowsNeededError as error:
                reread = error.problems[0].detail
            except ProblemError as error:  # somebody has deleted the fit, or its file is damaged
                if error.kind.code not in {"model_not_found", "corrupt_artefact"}:
                    raise
            if _cells(spec, self.data.n_rows) >= LARGE_CELLS:
                raise Outlasted
        return await self._make(lambda: self.data.read(spec.columns), reread)

    async def made(self, job: Job) -> Found | None:
        """Return what a job has made."""
        del job
        return await self.find()

    async def stow(self) -> Stowed:
        """Put away the order; rows that came with the request become a file of the job's own."""
        order, blob = self.order, None
        if self.data.stored is None:
            table = await self.data.read(order.specified.spec.columns)
            assert isinstance(table, pa.Table)  # noqa: S101  sums are stored
            blob = await self.parts.blobs.put(as_arrow(table), f".{os.urandom(8).hex()}{ARROW}")
        request = {
            "spec": order.specified.spec.to_json(),
            "digest": order.specified.digest,
            "dataset_id": order.dataset_id,
            "dataset_hash": order.dataset_hash,
        }
        return Stowed(request, blob)

    async def _make(
        self, read: Callable[[], Awaitable[Source]], reread: str | None = None
    ) -> Found:
        parts = self.parts
        seconds = parts.settings.thread_seconds
        return await parts.fitting.make(parts.models(self.owner), self.order, read, seconds, reread)

    async def _appended(self, held: Held) -> Appended:
        fitted = await self.parts.fitting.get(self.parts.models(self.owner), held.model)
        rows, version = None, held.version
        if version.n_rows < self.data.n_rows:
            rows = await self.data.read(self.order.specified.spec.columns, version.parts)
        assert not isinstance(rows, Summary)  # noqa: S101  sums have no parts
        return Appended(fitted.fit, version.id, rows)


async def held_sums(models: Models, order: Order, versions: Sequence[Version]) -> Held | None:
    """Return the fit of most parts of a dataset that has the sums which an order needs."""
    spec = order.specified.spec
    if not versions or constants_of_rows(spec.formula):
        return None
    keys = {sums_key(spec, version.hash): version for version in versions}
    found = await models.with_sums(list(keys))
    for key, version in keys.items():  # the newest first
        if key in found:
            return Held(found[key].id, found[key].blob, version)
    return None


def reread_because(order: Order, versions: Sequence[Version]) -> str | None:
    """Return why a dataset in parts is read whole whatever sums there are."""
    calls = constants_of_rows(order.specified.spec.formula)
    if len(versions) < 2 or not calls:
        return None
    return f"the constants of {', '.join(calls)} are those of all rows"


async def perform(parts: Services, claimed: Claimed, progress: Progress) -> None:
    """Do a job that is a fit, in a worker process, or in steps where work is spread."""
    models, job = parts.models(claimed.owner), claimed.job
    asked = job.request
    formula = parse(asked["spec"]["formula"], max_characters=None)  # spelt by us, longer perhaps
    specified = Specified(Spec.of(**{**asked["spec"], "formula": formula}), asked["digest"])
    order = Order.of(specified, asked["dataset_id"], asked["dataset_hash"])
    if await parts.fitting.find(models, order.id) is not None:
        return
    await models.require_room()
    row = await _fitted(parts, order, await _rows(parts, claimed, order), progress)
    parts.fitting.fits += 1
    await parts.fitting.add(models, row)


class _Rows(Struct, frozen=True):
    """What a job fits: a kept dataset, how many rows it has, and the sums that there are of it."""

    stored: Stored
    n_rows: int
    sums: tasks.Sums | None = None
    reread: str | None = None


async def _rows(parts: Services, claimed: Claimed, order: Order) -> _Rows:
    """Return what a job fits: rows of its own, or a dataset of its owner."""
    if claimed.job.blob is not None:
        return _Rows(Stored((claimed.job.blob,)), 0)
    dataset = await parts.datasets(claimed.owner).get(order.dataset_id)
    versions = kept_data(dataset, parts).versions
    held = await held_sums(parts.models(claimed.owner), order, versions)
    return _Rows(
        stored_of(dataset, parts.settings),
        dataset.n_rows,
        None if held is None else held.sums,
        reread_because(order, versions),
    )


async def _fitted(parts: Services, order: Order, rows: _Rows, progress: Progress) -> Model:
    """Fit in a worker process; in steps where work is spread and all rows of a table are read."""
    settings, spec, places = parts.settings, order.specified.spec, parts.workers
    given = (order, rows.stored, settings.blobs, settings.sync_files)
    seconds, part_rows = settings.job_seconds, settings.cluster_part_rows
    if (
        places.spreads
        and rows.sums is None
        and rows.reread is None
        and parted.worth_parting(spec, rows.stored, rows.n_rows, part_rows)
    ):
        return await parted.fit(places, *given, part_rows, progress=progress, seconds=seconds)
    row: Model = await places.run(
        tasks.fit, *given, rows.sums, rows.reread, progress=progress, seconds=seconds
    )
    return row


def _cells(spec: Spec, n_rows: int) -> int:
    groups = {term.group for term in spec.formula.random}
    return n_rows * len(spec.columns) * (CROSSED if len(groups) > 1 else 1)
