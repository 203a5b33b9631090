"""Timing a part of the service without knowing who wants to know."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TypeAlias

Timed: TypeAlias = Callable[[str, str], AbstractContextManager[None]]
"""Given a part and what it is asked for, times what is done within."""


def untimed(_part: str, _operation: str, /) -> AbstractContextManager[None]:
    """Time nothing."""
    return nullcontext()
