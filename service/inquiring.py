"""Questions about a model as work that may take long: answered once, and kept."""

from __future__ import annotations

import hashlib
import json
from typing import Any
from urllib.parse import urlencode

from msgspec import Struct

from engine import Progress
from service import prices, tasks
from service.catalog import Claimed, Job
from service.context import Services
from service.fitting import Fitted
from service.inquiries import INQUIRIES, answered, pieces_of
from service.places import Step
from service.schemas.base import Options
from service.work import Label, Stowed, until


class InquiryWork(Struct, frozen=True, dict=True):
    """One question about one model of one owner."""

    parts: Services
    owner: str
    fitted: Fitted
    name: str
    asked: Options

    @property
    def label(self) -> Label:
        """What identifies it."""
        kind, model, options = INQUIRIES[self.name], self.fitted.row.id, self._options
        way = options.get("interval")
        key = json.dumps([self.name, model, {name: options[name] for name in kind.matters}])
        return Label(
            key=hashlib.sha256(key.encode()).hexdigest(),
            kind=self.name,
            title=f"{kind.title} of {model}" + (f": {way}" if way else ""),
            href=f"/v1/models/{model}/{kind.path}?{urlencode(options, doseq=True)}",
            price=prices.replicates(
                self.fitted.row.n_rows, options["n_sim"] if way == "bootstrap" else None
            ),
        )

    async def find(self) -> Any:
        """Return the JSON if it is kept."""
        return await self.parts.computed(self.owner).find(self.label.key)

    async def attempt(self) -> Any:
        """Compute it in a thread; raises ``Outlasted``."""
        parts = self.parts
        seconds = parts.settings.thread_seconds
        found = await parts.compute.run(
            lambda: answered(self.name, self.fitted.fit, self.asked, until(seconds))
        )
        await parts.computed(self.owner).keep(self.label.key, self.fitted.row.id, found)
        return found

    async def made(self, job: Job) -> Any:
        """Return what a job has made."""
        del job
        return await self.find()

    async def stow(self) -> Stowed:
        """Put away the question; the fit is a file already."""
        request = {"model": self.fitted.row.id, "options": self._options}
        return Stowed(request)

    @property
    def _options(self) -> dict[str, Any]:
        return self.asked.model_dump(mode="json")


async def perform(parts: Services, claimed: Claimed, progress: Progress) -> None:
    """Do a job that is a question about a model, in a worker process, or in pieces in several."""
    job, computed = claimed.job, parts.computed(claimed.owner)
    if await computed.find(job.key) is not None:
        return
    row = await parts.models(claimed.owner).get(job.request["model"])
    options, where = job.request["options"], (row.blob, parts.settings.blobs)
    steps = []
    if parts.workers.spreads:
        fitted = await parts.fitting.get(parts.models(claimed.owner), row.id)
        asked = INQUIRIES[job.kind].query.model_validate(options)
        steps = [
            Step(tasks.make_piece, (job.kind, options, piece, *where))
            for piece in pieces_of(fitted.fit, asked)
        ]
    found = await parts.workers.run(
        tasks.inquire,
        job.kind,
        options,
        *where,
        *steps,
        progress=progress,
        seconds=parts.settings.job_seconds,
    )
    if await parts.models(claimed.owner).find(row.id) is not None:  # not deleted meanwhile
        await computed.keep(job.key, row.id, found)
