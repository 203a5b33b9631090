"""What is stored and for whom: datasets, models and jobs, in SQL, every row with its owner."""

from service.catalog.computed import Computed
from service.catalog.database import Database
from service.catalog.datasets import Dataset, Datasets
from service.catalog.jobs import Job, Jobs, State
from service.catalog.keyed import Answered, Keyed
from service.catalog.keys import Key, Keys
from service.catalog.leases import Leases
from service.catalog.models import Model, Models
from service.catalog.paging import Page
from service.catalog.queue import Claimed, Queue
from service.catalog.quotas import Ledger, Quotas, Usage
from service.catalog.recent import Recent
from service.catalog.retention import Retention
from service.catalog.scope import DEFAULT_OWNER

__all__ = [
    "DEFAULT_OWNER",
    "Answered",
    "Claimed",
    "Computed",
    "Database",
    "Dataset",
    "Datasets",
    "Job",
    "Jobs",
    "Key",
    "Keyed",
    "Keys",
    "Leases",
    "Ledger",
    "Model",
    "Models",
    "Page",
    "Queue",
    "Quotas",
    "Recent",
    "Retention",
    "State",
    "Usage",
]
