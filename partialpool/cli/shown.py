"""Results as tables for people, and as CSV and JSON for machines."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pandas as pd

PARTS: Final = ("effects", "coefficients")


def effects_text(found: pd.DataFrame) -> str:
    """Return the effects of a group as a table: the level's line, its departure, its weight."""
    terms = [name.removeprefix("effects.").removesuffix(".estimate") for name in _effects(found)]
    head, columns = [str(found.index.name), "n"], [list(found.index), found["n"].tolist()]
    for term in terms:
        head += [term, "se", "effect", "se"]
        columns += [
            found[f"{part}.{term}.{what}"].tolist()
            for part in ("coefficients", "effects")
            for what in ("estimate", "std_error")
        ]
    return table([*head, "pooling"], [*columns, found["pooling_weight"].tolist()])


def predictions_text(new: pd.DataFrame, found: pd.DataFrame, level: float) -> str:
    """Return predictions as a table, beside the rows that were predicted."""
    names = {
        "estimate": "estimate",
        "std_error": "se",
        "interval.lower": f"{level:.0%} from",
        "interval.upper": "to",
        "prediction_interval.lower": "new from",
        "prediction_interval.upper": "to",
        "outcome.median": "median",
    }
    exceeding = [name for name in map(str, found) if name.startswith("outcome.exceedance.")]
    names |= {name: f"P(>{name.removeprefix('outcome.exceedance.')})" for name in exceeding}
    shown = [name for name in names if name in found]
    return table(
        [*map(str, new.columns), *(names[name] for name in shown)],
        [new[name].tolist() for name in new] + [found[name].tolist() for name in shown],
    )


def notes(n_dropped: int, dropped: Sequence[str], messages: Sequence[str]) -> list[str]:
    """Return what of a fit is worth knowing beside its table."""
    found = [f"rows that miss a value, left out: {n_dropped}"] * bool(n_dropped)
    found += [f"terms that others say already, left out: {', '.join(dropped)}"] * bool(dropped)
    return [*found, *messages]


def table(head: Sequence[str], columns: Sequence[Sequence[object]]) -> str:
    """Return columns as lines; numbers to the right, text to the left."""
    lines = []
    for name, cells in zip(head, columns, strict=True):
        text = [name, *map(_cell, cells)]
        width = max(map(len, text))
        right = all(isinstance(cell, int | float) or cell is None for cell in cells)
        lines.append([cell.rjust(width) if right else cell.ljust(width) for cell in text])
    return "".join("  ".join(row).rstrip() + "\n" for row in zip(*lines, strict=True))


def csv(found: pd.DataFrame) -> str:
    """Return a table as CSV; lists of names have semicolons between."""
    flat = found.copy()
    for name in flat:
        if name == "new_levels":
            flat[name] = [";".join(names) for names in flat[name]]
    return str(flat.to_csv(index=found.index.name is not None, lineterminator="\n"))


def effects_items(found: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the effects of a group as the service's JSON has them."""
    return [{"level": level, **_nested(row)} for level, row in _rows(found)]


def predictions_items(found: pd.DataFrame) -> list[dict[str, Any]]:
    """Return predictions as the service's JSON has them."""
    items = []
    for _, row in _rows(found):
        item = _nested({name: value for name, value in row.items() if ".exceedance." not in name})
        outcome = item.setdefault("outcome", None)
        if outcome is not None:
            outcome["exceedance"] = [
                {"threshold": float(name.partition(".exceedance.")[2]), "probability": value}
                for name, value in row.items()
                if ".exceedance." in name
            ]
        items.append(item)
    return items


def records(found: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table by column; what is missing, or not finite, is None."""
    return [row for _, row in _rows(found)]


def to_json(document: object) -> str:
    """Return a document as JSON, indented."""
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _effects(found: pd.DataFrame) -> list[str]:
    names = map(str, found)
    return [name for name in names if name.startswith("effects.") and name.endswith(".estimate")]


def _rows(found: pd.DataFrame) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield rows by column; what is missing, or not finite, is None."""
    columns = [[_plain(cell) for cell in found[name].tolist()] for name in found]
    names = [str(name) for name in found]
    for label, *cells in zip(found.index, *columns, strict=True):
        yield str(label), dict(zip(names, cells, strict=True))


def _nested(row: dict[str, Any]) -> dict[str, Any]:
    """Return flat names as the places that they name; a term may have dots of its own."""
    item: dict[str, Any] = {}
    for name, value in row.items():
        place, parts = item, _places(name)
        for part in parts[:-1]:
            place = place.setdefault(part, {})
        place[parts[-1]] = value
    return item


def _places(name: str) -> list[str]:
    first, _, rest = name.partition(".")
    if first in PARTS:
        term, _, what = rest.rpartition(".")
        return [first, term, what]
    return name.split(".")


def _plain(cell: Any) -> Any:
    if isinstance(cell, float) and not math.isfinite(cell):
        return None
    return cell if isinstance(cell, str | int | float | bool | None) else list(cell)


def _cell(cell: object) -> str:
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return "-"
    if isinstance(cell, float) and not cell.is_integer():
        return f"{cell:.4f}" if 1e-3 <= abs(cell) < 1e6 else f"{cell:.3e}"
    return f"{cell:.0f}" if isinstance(cell, float) else str(cell)
