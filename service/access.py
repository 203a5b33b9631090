"""Which scope a request needs: one rule, for those who are let in and for the OpenAPI document."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, Literal, TypeAlias, get_args

Scope: TypeAlias = Literal["read", "write", "admin"]

SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)
"""Each includes those before it."""

_PUBLIC: Final = re.compile(
    r"/|/docs|/openapi\.json|/healthz|/readyz|/problems|/(problems|static)/[^/]*|/dashboard/.*"
)
"""What anyone may read: what the service is, and whether it is well; nothing of what it keeps."""

_READING: Final = re.compile(
    r"/v1/(datasets/preview|models/validate|comparisons|radon/(assessments|decisions)"
    r"|models/[^/]+/(predictions|simulations|contrasts))"
)
"""What is asked by POST and keeps nothing but what spares computing it again."""

_ADMIN: Final = re.compile(r"/v1/datasets/[^/]+/public|/metrics")
"""What lets others read, and what tells of all owners."""


@lru_cache(10_000)
def needed(method: str, path: str) -> Scope | None:
    """Return the scope that a request needs, ``None`` when it needs no key at all.

    What is not listed here, a path of the future or one that does not exist, needs a key.
    """
    reads = method in {"GET", "HEAD"}
    if reads and _PUBLIC.fullmatch(path):
        return None
    if _ADMIN.fullmatch(path):
        return "admin"
    return "read" if reads or (method == "POST" and _READING.fullmatch(path)) else "write"


@lru_cache
def includes(scopes: frozenset[str], scope: Scope) -> bool:
    """Tell whether one who has ``scopes`` may do what needs ``scope``."""
    return not scopes.isdisjoint(SCOPES[SCOPES.index(scope) :])
