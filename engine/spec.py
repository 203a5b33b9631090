"""What to fit, apart from the data: formula, criterion and how columns are to be taken."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, get_args

from engine.errors import Problem, SpecError
from engine.formula import Formula, parse

Method = Literal["REML", "ML"]
Missing = Literal["drop", "fail"]
Contrast = Literal["treatment", "sum", "helmert"]


@dataclass(frozen=True, slots=True)
class Spec:
    """A model specification. Equal models have an equal ``canonical()`` and so an equal ``key``.

    Attributes:
        formula: the parsed formula.
        method: the criterion, "REML" or "ML".
        weights: column of prior weights (variance sigma^2 / w), positive; none when ``None``.
        offset: column taken from the response before fitting; none when ``None``.
        categorical: columns taken as factors though they hold numbers, sorted.
        contrasts: (column, coding) for factors not coded by treatment, sorted.
        missing: "drop" rows with a missing value in any column used, or "fail".
    """

    formula: Formula
    method: Method = "REML"
    weights: str | None = None
    offset: str | None = None
    categorical: tuple[str, ...] = ()
    contrasts: tuple[tuple[str, Contrast], ...] = ()
    missing: Missing = "drop"

    @classmethod
    def of(
        cls,
        formula: str | Formula,
        *,
        method: str = "REML",
        weights: str | None = None,
        offset: str | None = None,
        categorical: Iterable[str] = (),
        contrasts: Mapping[str, str] | None = None,
        missing: str = "drop",
    ) -> Spec:
        """Build a specification from plain values.

        Raises:
            FormulaError: the formula cannot be read.
            SpecError: an option is not one of those offered.
        """
        codings = tuple(sorted((contrasts or {}).items()))
        for name, value, allowed in [
            ("method", method, get_args(Method)),
            ("missing", missing, get_args(Missing)),
            *((f"contrasts/{column}", coding, get_args(Contrast)) for column, coding in codings),
        ]:
            if value not in allowed:
                raise SpecError(
                    Problem(
                        "unknown_option",
                        f"{name} is not one of {', '.join(allowed)}",
                        f"use one of {', '.join(allowed)}",
                        tuple(name.split("/", 1)),
                    )
                )
        return cls(
            formula=parse(formula) if isinstance(formula, str) else formula,
            method=method,  # type: ignore[arg-type]  # checked above
            weights=weights,
            offset=offset,
            categorical=tuple(sorted(set(categorical))),
            contrasts=codings,  # type: ignore[arg-type]  # checked above
            missing=missing,  # type: ignore[arg-type]  # checked above
        )

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns read, in order of first appearance."""
        extra = (name for name in (self.weights, self.offset) if name is not None)
        return tuple(dict.fromkeys((*self.formula.columns, *extra)))

    def essential(self) -> Spec:
        """The same as written, less what makes no difference: repetitions, options not used."""
        used = set(self.formula.columns)
        return replace(
            self,
            formula=self.formula.each_once(),
            categorical=tuple(name for name in self.categorical if name in used),
            contrasts=tuple(
                (name, coding)
                for name, coding in self.contrasts
                if name in used and coding != "treatment"
            ),
        )

    def canonical(self) -> Spec:
        """The form that equal specifications share."""
        return replace(self.essential(), formula=self.formula.canonical())

    def key(self) -> str:
        """Canonical JSON text: equal exactly when two specifications mean the same model."""
        return json.dumps(self.canonical().to_json(), sort_keys=True, separators=(",", ":"))

    def to_json(self) -> dict[str, object]:
        """Plain JSON, read back by :meth:`of`."""
        return {
            "formula": self.formula.text,
            "method": self.method,
            "weights": self.weights,
            "offset": self.offset,
            "categorical": list(self.categorical),
            "contrasts": dict(self.contrasts),
            "missing": self.missing,
        }
