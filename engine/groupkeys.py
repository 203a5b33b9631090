"""One text for the levels of several columns, so that texts are ordered as the levels are."""

from __future__ import annotations

from collections.abc import Sequence

_ZERO = "\0"
_ESCAPED = "\0\1"
_BETWEEN = "\0\0"
"""Less than what can follow a level within a longer one: so a shorter level comes first."""


def key_of(levels: Sequence[str]) -> str:
    """The key of a group that has these levels of its columns."""
    if len(levels) == 1:
        return levels[0]
    return _BETWEEN.join(level.replace(_ZERO, _ESCAPED) for level in levels)


def name_of(key: str, n_columns: int) -> str:
    """The name of the group that has a key."""
    if n_columns == 1:
        return key
    return ":".join(level.replace(_ESCAPED, _ZERO) for level in _levels(key))


def _levels(key: str) -> list[str]:
    return key.split(_BETWEEN)
