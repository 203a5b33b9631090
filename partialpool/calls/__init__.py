"""What each call does: the requests it sends, and how it reads the answers."""

from partialpool.calls import datasets, inference, jobs, model, models, radon

__all__ = ["datasets", "inference", "jobs", "model", "models", "radon"]
