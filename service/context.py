"""What the endpoints work with, made once when the application starts."""

from __future__ import annotations

from msgspec import Struct, field
from starlette.requests import Request

from service.blobs import Blobs
from service.callers import CALLER, Caller, Callers
from service.catalog import (
    DEFAULT_OWNER,
    Computed,
    Database,
    Dataset,
    Datasets,
    Jobs,
    Keyed,
    Leases,
    Ledger,
    Model,
    Models,
    Queue,
    Quotas,
    Recent,
)
from service.changes import Changes
from service.checks import Checks
from service.compute import Compute
from service.desk import Desk
from service.fitting import Fitting
from service.observing import Instruments
from service.places import Places
from service.plots.pictures import Pictures
from service.problems import ProblemError
from service.rates import Rates
from service.running import Runner
from service.settings import Settings


class Services(Struct, frozen=True, dict=True):
    """The parts of a running service."""

    settings: Settings
    database: Database
    blobs: Blobs
    compute: Compute
    fitting: Fitting
    workers: Places
    changes: Changes
    instruments: Instruments
    queue: Queue
    desk: Desk
    runner: Runner
    callers: Callers
    rates: Rates | None
    leases: Leases
    pictures: Pictures
    checks: Checks
    recent_datasets: Recent[Dataset] = field(default_factory=Recent)
    recent_models: Recent[Model] = field(default_factory=Recent)

    async def drain(self) -> None:
        """Let jobs wait for another process, and answer who waits for them; twice is no harm."""
        await self.runner.close()

    async def stop(self) -> None:
        """End all that is under way."""
        await self.drain()
        await self.desk.close()
        await self.fitting.close()
        await self.pictures.close()
        await self.checks.close()
        if self.rates is not None:
            await self.rates.close()

    def datasets(self, owner: str) -> Datasets:
        """Return the datasets of one owner."""
        return Datasets(self.database, owner, self.recent_datasets, self.quotas)

    def models(self, owner: str) -> Models:
        """Return the models of one owner."""
        return Models(self.database, owner, self.recent_models, self.quotas)

    @property
    def quotas(self) -> Quotas:
        """The most that each owner may keep."""
        given = self.settings
        return Quotas(given.max_owner_bytes, given.max_owner_datasets, given.max_owner_models)

    def ledger(self, owner: str) -> Ledger:
        """Return how much one owner keeps."""
        return Ledger(self.database, owner, self.quotas)

    def keyed(self, owner: str, holder: str) -> Keyed:
        """Return the keyed requests of one owner, as one request sees them."""
        return Keyed(self.database, owner, holder)

    def jobs(self, owner: str) -> Jobs:
        """Return the jobs of one owner."""
        return Jobs(self.database, owner)

    def computed(self, owner: str) -> Computed:
        """Return what was computed of one owner's models."""
        return Computed(self.database, owner)


def services(request: Request) -> Services:
    """Return the parts of the service that answers this request."""
    found = request.app.state.services
    assert isinstance(found, Services)  # noqa: S101  narrows what the framework types as Any
    return found


def owner_of(request: Request) -> str:
    """Return who asks: what everything read and written in a request is limited to.

    Without keys everyone is the default owner.
    """
    caller: Caller | None = request.scope.get(CALLER)
    if caller is not None:
        return caller.owner
    if services(request).settings.keys_needed:
        raise ProblemError("unauthorized")
    return DEFAULT_OWNER
