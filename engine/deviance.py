"""The ML deviance of a model: known, or searched for when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable


class Deviance:
    """A number that a fit by REML has but seldom needs: what it takes to find it is kept instead.

    It depends on nothing but what it was made with, so that when it is asked for makes no
    difference. Two are equal when their values are.

    Args:
        source: the value, or what finds it; that is let go once the value is known.
    """

    __slots__ = ("_source",)

    def __init__(self, source: float | Callable[[], float]) -> None:
        self._source = source

    @property
    def value(self) -> float:
        """The deviance."""
        source = self._source
        if callable(source):
            source = self._source = source()
        return source

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Deviance) and self.value == other.value

    def __hash__(self) -> int:
        return hash(self.value)
