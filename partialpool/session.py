"""What all calls of a client share, and the objects that they return."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar

import httpx

from partialpool.bars import Progress
from partialpool.retrying import Retries
from service.schemas.datasets import DatasetSummary
from service.schemas.fits import FittedModel
from service.schemas.jobs import Job

M = TypeVar("M")
D = TypeVar("D")
J = TypeVar("J")
S = TypeVar("S")
X = TypeVar("X", bound="Kept")

URL: Final = "PARTIALPOOL_URL"
API_KEY: Final = "PARTIALPOOL_API_KEY"
DEFAULT_URL: Final = "http://127.0.0.1:8000"
TIMEOUT: Final = httpx.Timeout(120.0, connect=5.0)


class Session(ABC, Generic[M, D, J]):
    """How calls are made, and which objects they return: those of a client that blocks, or awaits.

    Attributes:
        retries: how a request is tried again.
        progress: what shows how far long work is.
    """

    def __init__(self, retries: Retries, progress: Progress) -> None:
        self.retries = retries
        self.progress = progress

    @abstractmethod
    def model(self, fitted: FittedModel) -> M:
        """Return the object that a fitted model is."""

    @abstractmethod
    def dataset(self, info: DatasetSummary) -> D:
        """Return the object that a dataset is."""

    @abstractmethod
    def job(self, job: Job) -> J:
        """Return the object that a job is."""


AnySession = Session[Any, Any, Any]


class Kept(Protocol):
    """What the service says of something that it keeps."""

    @property
    def id(self) -> str:
        """Its id."""


@dataclass(frozen=True, repr=False, eq=False)
class Bound(Generic[S, X]):
    """Something that the service keeps, with the session that asks for more of it.

    Attributes:
        info: what the service says of it.
    """

    session: S
    info: X

    @property
    def id(self) -> str:
        """Its id."""
        return self.info.id

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Bound) and bool(self.id == other.id)

    def __hash__(self) -> int:
        return hash(self.id)


def arguments(
    url: str | None, api_key: str | None, headers: Mapping[str, str], timeout: httpx.Timeout | float
) -> dict[str, Any]:
    """Return the arguments of an HTTP client; what is not given is taken from the environment."""
    key = os.environ.get(API_KEY) if api_key is None else api_key
    own = {"User-Agent": "partialpool-python", "Accept": "application/json"}
    if key:
        own["Authorization"] = f"Bearer {key}"
    return {
        "base_url": url or os.environ.get(URL) or DEFAULT_URL,
        "headers": {**own, **headers},
        "timeout": timeout,
    }
