"""Units of radon, and the levels that authorities have set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Unit: TypeAlias = Literal["pCi/L", "Bq/m3"]

PER_PICOCURIE: Final[dict[Unit, float]] = {"pCi/L": 1.0, "Bq/m3": 37.0}
"""How much 1 pCi/L is in each unit."""


@dataclass(frozen=True, slots=True)
class ReferenceLevel:
    """A level that an authority has set: in pCi/L, and what is to be done above it."""

    level: float
    name: str
    advice: str


EPA_ACTION: Final = ReferenceLevel(
    4.0, "EPA action level", "EPA advises to fix a home at or above it."
)
EPA_CONSIDER: Final = ReferenceLevel(
    2.0, "EPA, consider fixing", "EPA advises to consider fixing a home between it and 4 pCi/L."
)
WHO_REFERENCE: Final = ReferenceLevel(
    2.7, "WHO reference level", "WHO's national reference level of 100 Bq/m3, where it can be kept."
)

REFERENCE_LEVELS: Final = (EPA_CONSIDER, WHO_REFERENCE, EPA_ACTION)
"""Lowest first.

EPA, A Citizen's Guide to Radon (402/K-12/002); WHO Handbook on Indoor Radon, 2009.
"""
