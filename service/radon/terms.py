"""The words and the costs that a question about radon is asked with; nothing to import them."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

Kind: TypeAlias = Literal["short-term", "long-term"]
"""Of a test."""

Scope: TypeAlias = Literal["minnesota", "national"]
"""What a model is of."""

Floor: TypeAlias = Literal["basement", "first"]
"""The lowest level of a house."""

Recommendation: TypeAlias = Literal["remediate", "measure", "nothing"]

REMEDIATION_COST: Final = 2000.0
"""Of remediation, in dollars, unless the homeowner knows better."""
TEST_COST: Final = 50.0
"""Of a long-term test, likewise."""
