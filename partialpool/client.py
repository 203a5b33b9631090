"""The client that blocks, and its models, datasets and jobs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any, Concatenate, ParamSpec, Protocol, Self, TypeVar

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
from partialpool.steps import Steps, run
from service.schemas.datasets import DatasetSummary
from service.schemas.fits import FittedModel
from service.schemas.jobs import Job as JobInfo

P = ParamSpec("P")
T = TypeVar("T")


class BlockingSession(Session["Model", "Dataset", "Job"]):
    """A session whose calls return when they are done."""

    def __init__(self, http: httpx.Client, retries: Retries, progress: Progress) -> None:
        super().__init__(retries, progress)
        self.http = http

    def run(self, steps: Steps[T]) -> T:
        """Take the steps of a call, and return its value."""
        return run(steps, self.http)

    def model(self, fitted: FittedModel) -> Model:
        """Return the object that a fitted model is."""
        return Model(self, fitted)

    def dataset(self, info: DatasetSummary) -> Dataset:
        """Return the object that a dataset is."""
        return Dataset(self, info)

    def job(self, job: JobInfo) -> Job:
        """Return the object that a job is."""
        return Job(self, job)


class _Has(Protocol):
    @property
    def session(self) -> BlockingSession: ...


def _blocking(
    call: Callable[Concatenate[BlockingSession, P], Steps[T]],
) -> Callable[Concatenate[_Has, P], T]:
    """Return the method of a client that makes a call."""

    def method(self: _Has, /, *args: P.args, **options: P.kwargs) -> T:
        return self.session.run(call(self.session, *args, **options))

    return named(method, call, 1, "")


def _of(
    call: Callable[Concatenate[BlockingSession, X, P], Steps[T]],
) -> Callable[Concatenate[Bound[BlockingSession, X], P], T]:
    """Return the method of something bound that makes a call about it."""

    def method(self: Bound[BlockingSession, X], /, *args: P.args, **options: P.kwargs) -> T:
        return self.session.run(call(self.session, self.info, *args, **options))

    return named(method, call, 2, "")


def _paged(
    call: Callable[[BlockingSession, str | None], Steps[Page[T]]],
) -> Callable[[_Has], Iterator[T]]:
    """Return the method of a client that goes through all pages of a list."""

    def method(self: _Has) -> Iterator[T]:
        cursor: str | None = None
        while True:
            page = self.session.run(call(self.session, cursor))
            yield from page.items
            cursor = page.next
            if cursor is None:
                return

    return named(method, call, 2, "")


class Model(BoundModel[BlockingSession]):
    """A fitted model. ``print`` shows it as R does; methods ask the service for the rest."""

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

    @cached_property
    def _text(self) -> str:
        return self.summary()

    def __str__(self) -> str:
        return self._text

    def _repr_pretty_(self, printer: Any, _: bool) -> None:
        printer.text(str(self))


class Dataset(BoundDataset[BlockingSession]):
    """A table at the service."""

    detail = _of(calls.datasets.detail)
    append = _of(calls.datasets.append)
    rows = _of(calls.datasets.rows)
    delete = _of(calls.datasets.delete)


class Job(BoundJob[BlockingSession]):
    """Long work of the service, as it was when it was asked."""

    refresh = _of(calls.jobs.refresh)
    wait = _of(calls.jobs.wait)
    cancel = _of(calls.jobs.cancel)
    model = _of(calls.jobs.model)

    def events(self) -> Iterator[Job]:
        """Follow the job: yield it whenever it has changed, until it has ended.

        A stream that breaks off is taken up again where it was.
        """
        events, broken = Events(self.id), 0
        while not events.ended:
            try:
                for found in self._stream(events):
                    broken = 0
                    yield Job(self.session, found)
            except httpx.TransportError:
                if broken >= self.session.retries.attempts:
                    raise
            broken += 1
            if not events.ended:
                time.sleep(self.session.retries.pause(min(broken, 4)))

    def _stream(self, events: Events) -> Iterator[JobInfo]:
        asked = events.request()
        with self.session.http.stream(
            asked.method, asked.path, headers=dict(asked.headers)
        ) as answer:
            if answer.is_error:
                answer.read()
                raise problem_of(answer)
            yield from filter(None, map(events.take, answer.iter_lines()))


class Client:
    """A service that fits multilevel models.

    Args:
        url: address of the service; ``PARTIALPOOL_URL`` by default, else one on this machine.
        api_key: ``PARTIALPOOL_API_KEY`` by default.
        progress: whether uploads and jobs show a bar on standard error, or what is called with
            every ``Report``; by default a terminal or a notebook shows it.
        retries: how what was refused for the moment, or lost on the way, is sent again.
        timeout: seconds to wait for an answer, or an ``httpx.Timeout``.
        headers: further headers of every request.
        http: an HTTP client to use instead of one of its own, for proxies and certificates; its
            address and headers are its own affair.
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
        http: httpx.Client | None = None,
    ) -> None:
        own = http or httpx.Client(**arguments(url, api_key, headers or {}, timeout))
        self._session = BlockingSession(own, retries or Retries(), chosen(progress))

    @property
    def session(self) -> BlockingSession:
        """How this client makes its calls."""
        return self._session

    fit = _blocking(calls.models.fit)
    submit = _blocking(calls.models.submit)
    validate = _blocking(calls.models.validate)
    model = _blocking(calls.models.model)
    models = _paged(calls.models.models)
    compare = _blocking(calls.models.compare)
    upload = _blocking(calls.datasets.upload)
    preview = _blocking(calls.datasets.preview)
    register = _blocking(calls.datasets.register)
    merge = _blocking(calls.datasets.merge)
    dataset = _blocking(calls.datasets.dataset)
    datasets = _paged(calls.datasets.datasets)
    job = _blocking(calls.jobs.job)
    jobs = _paged(calls.jobs.jobs)
    assess_radon = _blocking(calls.radon.assess_radon)
    decide_radon = _blocking(calls.radon.decide_radon)
    radon_counties = _blocking(calls.radon.radon_counties)
    limits = _blocking(calls.models.limits)
    usage = _blocking(calls.models.usage)

    def close(self) -> None:
        """Close the connections."""
        self._session.http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Client of {self._session.http.base_url}>"
