"""The client that awaits, and its models, datasets and jobs: the same calls as ``Client``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Concatenate, ParamSpec, Protocol, Self, TypeVar

import anyio
import httpx

from partialpool import calls
from partialpool.bars import Progress, chosen
from partialpool.binding import named
from partialpool.bound import BoundDataset, BoundJob, BoundModel
from partialpool.calls.asking import Page
from partialpool.errors import problem_of
from partialpool.events import Events
from partialpool.retrying import Retries
from partialpool.session import TIMEOUT, Bound, Session, X, arguments
from partialpool.steps import Steps, run_async
from service.schemas.datasets import DatasetSummary
from service.schemas.fits import FittedModel
from service.schemas.jobs import Job as JobInfo

P = ParamSpec("P")
T = TypeVar("T")


class AwaitingSession(Session["AsyncModel", "AsyncDataset", "AsyncJob"]):
    """A session whose calls are awaited."""

    def __init__(self, http: httpx.AsyncClient, retries: Retries, progress: Progress) -> None:
        super().__init__(retries, progress)
        self.http = http

    async def run(self, steps: Steps[T]) -> T:
        """Take the steps of a call, and return its value."""
        return await run_async(steps, self.http)

    def model(self, fitted: FittedModel) -> AsyncModel:
        """Return the object that a fitted model is."""
        return AsyncModel(self, fitted)

    def dataset(self, info: DatasetSummary) -> AsyncDataset:
        """Return the object that a dataset is."""
        return AsyncDataset(self, info)

    def job(self, job: JobInfo) -> AsyncJob:
        """Return the object that a job is."""
        return AsyncJob(self, job)


class _Has(Protocol):
    @property
    def session(self) -> AwaitingSession: ...


def _awaited(
    call: Callable[Concatenate[AwaitingSession, P], Steps[T]],
) -> Callable[Concatenate[_Has, P], Awaitable[T]]:
    """Return the method of a client that makes a call."""

    async def method(self: _Has, /, *args: P.args, **options: P.kwargs) -> T:
        return await self.session.run(call(self.session, *args, **options))

    return named(method, call, 1, "Async")


def _of(
    call: Callable[Concatenate[AwaitingSession, X, P], Steps[T]],
) -> Callable[Concatenate[Bound[AwaitingSession, X], P], Awaitable[T]]:
    """Return the method of something bound that makes a call about it."""

    async def method(self: Bound[AwaitingSession, X], /, *args: P.args, **options: P.kwargs) -> T:
        return await self.session.run(call(self.session, self.info, *args, **options))

    return named(method, call, 2, "Async")


def _paged(
    call: Callable[[AwaitingSession, str | None], Steps[Page[T]]],
) -> Callable[[_Has], AsyncIterator[T]]:
    """Return the method of a client that goes through all pages of a list."""

    async def method(self: _Has) -> AsyncIterator[T]:
        cursor: str | None = None
        while True:
            page = await self.session.run(call(self.session, cursor))
            for item in page.items:
                yield item
            cursor = page.next
            if cursor is None:
                return

    return named(method, call, 2, "Async")


class AsyncModel(BoundModel[AwaitingSession]):
    """A fitted model; what its methods ask the service for is awaited."""

    summary = _of(calls.model.summary)
    effects = _of(calls.model.effects)
    pooling = _of(calls.model.pooling)
    predict = _of(calls.model.predict)
    simulate = _of(calls.model.simulate)
    coefficients = _of(calls.inference.coefficients)
    intervals = _of(calls.inference.intervals)
    anova = _of(calls.inference.anova)
    ranova = _of(calls.inference.ranova)
    contrasts = _of(calls.inference.contrasts)
    marginal_means = _of(calls.inference.marginal_means)
    compare = _of(calls.inference.compare)
    diagnostics = _of(calls.model.diagnostics)
    residuals = _of(calls.model.residuals)
    influence = _of(calls.model.influence)
    plots = _of(calls.model.plots)
    plot = _of(calls.model.plot)
    delete = _of(calls.model.delete)


class AsyncDataset(BoundDataset[AwaitingSession]):
    """A table at the service."""

    detail = _of(calls.datasets.detail)
    append = _of(calls.datasets.append)
    rows = _of(calls.datasets.rows)
    delete = _of(calls.datasets.delete)


class AsyncJob(BoundJob[AwaitingSession]):
    """Long work of the service, as it was when it was asked."""

    refresh = _of(calls.jobs.refresh)
    wait = _of(calls.jobs.wait)
    cancel = _of(calls.jobs.cancel)
    model = _of(calls.jobs.model)

    async def events(self) -> AsyncIterator[AsyncJob]:
        """Follow the job: yield it whenever it has changed, until it has ended.

        A stream that breaks off is taken up again where it was.
        """
        events, broken = Events(self.id), 0
        while not events.ended:
            try:
                async for found in self._stream(events):
                    broken = 0
                    yield AsyncJob(self.session, found)
            except httpx.TransportError:
                if broken >= self.session.retries.attempts:
                    raise
            broken += 1
            if not events.ended:
                await anyio.sleep(self.session.retries.pause(min(broken, 4)))

    async def _stream(self, events: Events) -> AsyncIterator[JobInfo]:
        asked = events.request()
        async with self.session.http.stream(
            asked.method, asked.path, headers=dict(asked.headers)
        ) as answer:
            if answer.is_error:
                await answer.aread()
                raise problem_of(answer)
            async for line in answer.aiter_lines():
                if found := events.take(line):
                    yield found


class AsyncClient:
    """A service that fits multilevel models; what its methods ask is awaited.

    The arguments are those of ``Client``, but for ``http``, which awaits too.
    """

    def __init__(
        self,
        url: str | None = None,
        api_key: str | None = None,
        *,
        progress: bool | Progress | None = None,
        retries: Retries | None = None,
        timeout: httpx.Timeout | float = TIMEOUT,
        headers: Mapping[str, str] | None = None,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        own = http or httpx.AsyncClient(**arguments(url, api_key, headers or {}, timeout))
        self._session = AwaitingSession(own, retries or Retries(), chosen(progress))

    @property
    def session(self) -> AwaitingSession:
        """How this client makes its calls."""
        return self._session

    fit = _awaited(calls.models.fit)
    submit = _awaited(calls.models.submit)
    validate = _awaited(calls.models.validate)
    model = _awaited(calls.models.model)
    models = _paged(calls.models.models)
    compare = _awaited(calls.models.compare)
    upload = _awaited(calls.datasets.upload)
    preview = _awaited(calls.datasets.preview)
    register = _awaited(calls.datasets.register)
    merge = _awaited(calls.datasets.merge)
    dataset = _awaited(calls.datasets.dataset)
    datasets = _paged(calls.datasets.datasets)
    job = _awaited(calls.jobs.job)
    jobs = _paged(calls.jobs.jobs)
    assess_radon = _awaited(calls.radon.assess_radon)
    decide_radon = _awaited(calls.radon.decide_radon)
    radon_counties = _awaited(calls.radon.radon_counties)
    limits = _awaited(calls.models.limits)
    usage = _awaited(calls.models.usage)

    async def close(self) -> None:
        """Close the connections."""
        await self._session.http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<AsyncClient of {self._session.http.base_url}>"
