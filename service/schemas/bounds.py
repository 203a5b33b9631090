"""The caps of the engine and of the intake that schemas tell.

They are said again, as numbers, so that a client of the service loads neither; a test holds them
to what is enforced.
"""

from typing import Final

FORMULA_CHARACTERS: Final = 2_000
NAME_CHARACTERS: Final = 200
RANDOM_TERMS: Final = 20
REF_CHARACTERS: Final = 100
"""Longest id or name that a dataset is asked for by."""
