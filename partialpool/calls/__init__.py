"""What each call does: the requests it sends, and how it reads the answers."""

from partialpool.calls import datasets, jobs, model, models

__all__ = ["datasets", "jobs", "model", "models"]
