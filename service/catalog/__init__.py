"""What is stored and for whom: datasets, models and jobs, in SQL, every row with its owner."""

from service.catalog.computed import Computed
from service.catalog.database import Database
from service.catalog.datasets import Dataset, Datasets
from service.catalog.jobs import Job, Jobs, State
from service.catalog.keys import Key, Keys
from service.catalog.models import Model, Models
from service.catalog.paging import Page
from service.catalog.queue import Claimed, Queue
from service.catalog.recent import Recent
from service.catalog.scope import DEFAULT_OWNER, own_suffix

__all__ = [
    "DEFAULT_OWNER",
    "Claimed",
    "Computed",
    "Database",
    "Dataset",
    "Datasets",
    "Job",
    "Jobs",
    "Key",
    "Keys",
    "Model",
    "Models",
    "Page",
    "Queue",
    "Recent",
    "State",
    "own_suffix",
]
