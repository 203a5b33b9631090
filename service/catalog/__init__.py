"""What is stored and for whom: datasets and models, in SQL, every row with its owner."""

from service.catalog.database import Database
from service.catalog.datasets import Dataset, Datasets
from service.catalog.models import Model, Models
from service.catalog.paging import Page
from service.catalog.recent import Recent
from service.catalog.scope import DEFAULT_OWNER

__all__ = ["DEFAULT_OWNER", "Database", "Dataset", "Datasets", "Model", "Models", "Page", "Recent"]
