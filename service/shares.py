"""Progress of a part of some work, as progress of the whole."""

from __future__ import annotations

from engine import Progress


def share(progress: Progress, start: float, stop: float) -> Progress:
    """Return what tells how far a part is, from ``start`` to ``stop`` of the whole."""

    def tell(done: float, message: str, /) -> None:
        progress(start + done * (stop - start), message)

    return tell


def silent(done: float, message: str, /) -> None:
    """Tell nobody."""
