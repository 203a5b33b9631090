"""Fits as work that may take long: in a thread when they are small, else in a worker process."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

from engine import Progress, Spec, parse
from service import tasks
from service.catalog import Claimed
from service.context import Services
from service.data import Data, stored_of
from service.fitting import Found
from service.orders import Order, Specified
from service.stored import ARROW, Stored, as_arrow
from service.work import Label, Stowed

KIND: Final = "fit"

LARGE_CELLS: Final = 4_000_000
"""Cells of the columns of a model from which on its fit goes to a worker at once."""
CROSSED: Final = 20
"""So much more the cells count of a model that has several grouping factors."""


@dataclass(frozen=True)
class FitWork:
    """One fit for one owner."""

    parts: Services
    owner: str
    order: Order
    data: Data

    @property
    def label(self) -> Label:
        """What identifies it."""
        spec = self.order.specified.spec
        return Label(
            key=self.order.key,
            kind=KIND,
            title=f"{spec.method} fit of {spec.formula.text}",
            href=f"/v1/models/{self.order.id}",
            large=_cells(spec, self.data.n_rows) >= LARGE_CELLS,
        )

    async def find(self) -> Found | None:
        """Return the fit if it is kept."""
        parts = self.parts
        fitted = await parts.fitting.find(parts.models(self.owner), self.order.id)
        return None if fitted is None else Found(fitted)

    async def attempt(self) -> Found:
        """Fit in a thread; raises ``Outlasted``."""
        parts, columns = self.parts, self.order.specified.spec.columns
        await parts.models(self.owner).require_room()
        return await parts.fitting.make(
            parts.models(self.owner),
            self.order,
            lambda: self.data.read(columns),
            parts.settings.thread_seconds,
        )

    async def stow(self) -> Stowed:
        """Put away the order; rows that came with the request become a file of the job's own."""
        order, blob = self.order, None
        if self.data.stored is None:
            table = await self.data.read(order.specified.spec.columns)
            blob = await self.parts.blobs.put(as_arrow(table), f".{os.urandom(8).hex()}{ARROW}")
        request = {
            "spec": order.specified.spec.to_json(),
            "digest": order.specified.digest,
            "dataset_id": order.dataset_id,
            "dataset_hash": order.dataset_hash,
        }
        return Stowed(request, blob)


async def perform(parts: Services, claimed: Claimed, progress: Progress) -> None:
    """Do a job that is a fit, in a worker process."""
    models, job = parts.models(claimed.owner), claimed.job
    asked = job.request
    formula = parse(asked["spec"]["formula"], max_characters=None)  # spelt by us, longer perhaps
    specified = Specified(Spec.of(**{**asked["spec"], "formula": formula}), asked["digest"])
    order = Order.of(specified, asked["dataset_id"], asked["dataset_hash"])
    if await parts.fitting.find(models, order.id) is not None:
        return
    await models.require_room()
    if job.blob is not None:
        stored = Stored(job.blob, ())
    else:
        stored = stored_of(await parts.datasets(claimed.owner).get(order.dataset_id))
    row = await parts.workers.run(
        tasks.fit,
        order,
        stored,
        parts.settings.blobs,
        parts.settings.sync_files,
        progress=progress,
        seconds=parts.settings.job_seconds,
    )
    parts.fitting.fits += 1
    await parts.fitting.add(models, row)


def _cells(spec: Spec, n_rows: int) -> int:
    groups = {term.group for term in spec.formula.random}
    return n_rows * len(spec.columns) * (CROSSED if len(groups) > 1 else 1)
