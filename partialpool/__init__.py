"""The Python client of the service: ``Client``, ``AsyncClient``, and what they return."""

from partialpool.asynchronous import AsyncClient, AsyncDataset, AsyncJob, AsyncModel
from partialpool.bars import Progress, Report
from partialpool.client import Client, Dataset, Job, Model
from partialpool.errors import (
    JobCancelledError,
    PartialpoolError,
    ProblemError,
    UnexpectedAnswerError,
    UnreachableError,
    UnusableDataError,
)
from partialpool.plots import Plot
from partialpool.retrying import Retries
from service.schemas.fits import FitRequest, FittedModel
from service.schemas.predictions import PredictionRequest

__all__ = [
    "AsyncClient",
    "AsyncDataset",
    "AsyncJob",
    "AsyncModel",
    "Client",
    "Dataset",
    "FitRequest",
    "FittedModel",
    "Job",
    "JobCancelledError",
    "Model",
    "PartialpoolError",
    "Plot",
    "PredictionRequest",
    "ProblemError",
    "Progress",
    "Report",
    "Retries",
    "UnexpectedAnswerError",
    "UnreachableError",
    "UnusableDataError",
]
