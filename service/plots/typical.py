"""Rows as the data would have them: what a new row has where nobody says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from engine import Fit, Predictor, Problem, SpecError, level_text, predictors
from service.plots.figure import listed
from service.plots.subject import Subject

if TYPE_CHECKING:
    import pandas as pd


class Typical(Struct, frozen=True, dict=True):
    """The predictors of a model's rows: texts for groups and factors, else numbers.

    ``frame`` is ``None`` when the rows are not here.
    """

    wanted: tuple[Predictor, ...]
    frame: pd.DataFrame | None

    @classmethod
    def of(cls, subject: Subject) -> Typical:
        """Read the rows of a subject."""
        wanted = predictors(subject.fit)
        if subject.table is None:
            return cls(wanted, None)
        frame = subject.table.select([each.name for each in wanted]).to_pandas().dropna()
        for each in wanted:
            if each.kind != "number":
                texts = {value: level_text(value) for value in frame[each.name].unique()}
                frame[each.name] = frame[each.name].map(texts).astype(str)
        return cls(wanted, frame)

    def row(self, given: Mapping[str, object]) -> dict[str, object]:
        """Return a whole row: what the groups have in all rows, else what is usual everywhere.

        Raises ``SpecError`` for what is not given when there are no rows to look at.
        """
        missing = [each for each in self.wanted if each.name not in given]
        frame = self.frame
        if frame is None:
            if missing:
                raise SpecError(*(_missing(each.name) for each in missing))
            return {each.name: given[each.name] for each in self.wanted}
        near, found = frame, dict(given)
        for each in (own for own in self.wanted if own.kind == "group"):
            found.setdefault(each.name, _middle(near[each.name], each))
            own = near[near[each.name] == found[each.name]]
            near = own if len(own) else near
        for each in missing:
            same = near[each.name].nunique() == 1
            found.setdefault(each.name, _middle((near if same else frame)[each.name], each))
        return {each.name: found[each.name] for each in self.wanted}

    def by_level(self, columns: Sequence[str], given: Mapping[str, object]) -> pd.DataFrame:
        """Return a row for each level of a factor made of these columns, by its name.

        What varies within levels has one value for all.
        """
        import pandas as pd  # here already, as the rows are

        if self.frame is None:
            raise SpecError(*(_missing(each.name) for each in self.wanted))
        names = self.frame[columns[0]]
        for name in columns[1:]:
            names = names + ":" + self.frame[name]
        groups, everywhere = self.frame.groupby(names, sort=True), self.row(given)
        found: dict[str, Any] = {}
        for each in self.wanted:
            same = each.name in columns or bool((groups[each.name].nunique() == 1).all())
            found[each.name] = groups[each.name].first() if same else everywhere[each.name]
            if each.name in given:
                found[each.name] = given[each.name]
        return pd.DataFrame(found, index=sorted(map(str, groups.groups)))


def read_row(fit: Fit, texts: Sequence[str]) -> dict[str, object]:
    """Return the columns and values that ``column:value`` texts name.

    Raises ``SpecError`` with a problem for each text that is none, or names a column again.
    """
    known = {each.name: each for each in predictors(fit)}
    found: dict[str, object] = {}
    problems = []
    for i, text in enumerate(texts):
        name = max((own for own in known if text.startswith(own + ":")), key=len, default=None)
        if name is None or name in found:
            detail = f"value {i + 1} of at is not column:value of a predictor, or repeats one"
            hint = f"the predictors are: {listed(list(known))}"
            problems.append(Problem("bad_value", detail, hint, ("at", i)))
            continue
        value = text[len(name) + 1 :]
        found[name] = _number(value) if known[name].kind == "number" else value
        if found[name] is None:
            detail = f"value {i + 1} of at is not a number"
            problems.append(Problem("not_numeric", detail, f"write at={name}:0", ("at", i)))
    if problems:
        raise SpecError(*problems)
    return found


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _middle(values: pd.Series[Any], predictor: Predictor) -> object:
    if predictor.kind == "number":
        return float(values.astype(float).median())
    return str(values.mode().iloc[0])


def _missing(name: str) -> Problem:
    detail = f"at does not say {name}, and the rows of the model are not here to look at"
    return Problem("missing_value", detail, f"add at={name}:…", ("at",))
