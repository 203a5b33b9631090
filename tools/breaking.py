"""Whether the OpenAPI document breaks what the last release promised: ``python -m tools.breaking``.

``docs/stability.md`` is the promise. ``--release`` keeps the document as that of its version.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

Json: TypeAlias = dict[str, Any]
Direction: TypeAlias = Literal["request", "answer"]

ROOT: Final = Path(__file__).parents[1]
DOCUMENT: Final = ROOT / "openapi" / "openapi.json"
RELEASED: Final = ROOT / "openapi" / "released"
CHANGELOG: Final = ROOT / "CHANGELOG.md"

_PROSE: Final = frozenset({"description", "summary", "example", "examples", "title"})
_UPPER: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")
_LOWER: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems")
_EXACT: Final = ("pattern", "format", "if", "then", "else")


@dataclass
class Comparison:
    """What breaks from one document to another."""

    old: Json
    new: Json
    breaks: list[str] = field(default_factory=list)
    _open: set[tuple[str, str, Direction]] = field(default_factory=set)

    def run(self) -> list[str]:
        """Return every break, each as a sentence."""
        for path, method, before in operations(self.old):
            where = f"{method.upper()} {path}"
            after = self.new["paths"].get(path, {}).get(method)
            if after is None:
                self._say(where, "is gone")
                continue
            if before["operationId"] != after["operationId"]:
                self._say(where, "has another operationId")
            self._security(where, before, after)
            self._parameters(where, before, after)
            self._body(where, before.get("requestBody"), after.get("requestBody"))
            self._answers(where, before["responses"], after["responses"])
        return self.breaks

    def _say(self, where: str, what: str) -> None:
        self.breaks.append(f"{where}: {what}")

    def _security(self, where: str, old: Json, new: Json) -> None:
        sufficed, suffices = old.get("security", []), new.get("security", [])
        if suffices and any(each not in suffices for each in sufficed or [{}]):
            self._say(where, "needs another key than before")

    def _parameters(self, where: str, old: Json, new: Json) -> None:
        before, after = (
            {(x["in"], x["name"]): x for x in o.get("parameters", [])} for o in (old, new)
        )
        for key, parameter in before.items():
            name = f"{where} {key[0]} {key[1]}"
            if key not in after:
                self._say(name, "is gone")
                continue
            if after[key].get("required") and not parameter.get("required"):
                self._say(name, "is required now")
            self._schema(name, parameter["schema"], after[key]["schema"], "request")
        for key in after.keys() - before.keys():
            if after[key].get("required"):
                self._say(f"{where} {key[0]} {key[1]}", "is new and required")

    def _body(self, where: str, old: Json | None, new: Json | None) -> None:
        if old is None or new is None:
            if old is not None:
                self._say(f"{where} body", "is gone")
            elif new is not None and new.get("required"):
                self._say(f"{where} body", "is required now")
            return
        if new.get("required") and not old.get("required"):
            self._say(f"{where} body", "is required now")
        self._media(f"{where} body", old["content"], new["content"], "request")

    def _media(self, where: str, old: Json, new: Json, direction: Direction) -> None:
        for media, content in old.items():
            if media not in new:
                self._say(f"{where} {media}", "is gone")
            else:
                schemas = (content.get("schema", {}), new[media].get("schema", {}))
                self._schema(f"{where} {media}", *schemas, direction)

    def _answers(self, where: str, old: Json, new: Json) -> None:
        for status, before in old.items():
            name, after = f"{where} {status}", new.get(status)
            if after is None:
                if status.startswith("2"):
                    self._say(name, "is gone")
                continue
            self._media(name, before.get("content", {}), after.get("content", {}), "answer")
            for kind in ("headers", "links"):
                for gone in before.get(kind, {}).keys() - after.get(kind, {}).keys():
                    self._say(f"{name} {kind[:-1]} {gone}", "is gone")

    def _schema(self, where: str, old: Json, new: Json, direction: Direction) -> None:
        """Compare schemas: a request may not be held to more, an answer not promise less."""
        both = (old.get("$ref", ""), new.get("$ref", ""), direction)
        if all(both[:2]):
            if both in self._open:
                return
            self._open.add(both)
        befores, afters = branches(self.old, old), branches(self.new, new)
        if len(befores) == len(afters) == 1:
            self._single(where, befores[0], afters[0], direction)
        elif direction == "request":
            self._covered(where, befores, afters, direction)
        else:
            self._covered(where, afters, befores, direction)

    def _covered(
        self, where: str, each: list[Json], among: list[Json], direction: Direction
    ) -> None:
        """Demand that each of some alternatives is no worse than one of the others."""
        for one in each:
            tried = []
            for other in among:
                pair = (one, other) if direction == "request" else (other, one)
                inner = Comparison(self.old, self.new, _open=set(self._open))
                inner._single(where, *pair, direction)
                tried.append(inner.breaks)
            if not tried or min(map(len, tried)):
                alike = [b for o, b in zip(among, tried, strict=True) if types(o) == types(one)]
                kind = "/".join(sorted(types(one))) or "anything"
                what = "is taken no more" if direction == "request" else "is answered too now"
                least = min(alike, key=len) if alike else [f"{where}: {kind} {what}"]
                self.breaks += least

    def _single(self, where: str, old: Json, new: Json, direction: Direction) -> None:
        inner, outer = (old, new) if direction == "request" else (new, old)
        if not _among(types(inner), types(outer)):
            told = ["/".join(sorted(types(each))) or "anything" for each in (old, new)]
            self._say(where, f"was {told[0]}, is {told[1]}")
            return
        self._values(where, old, new, direction)
        if direction == "request":
            self._bounds(where, old, new)
        elif old.get("format") not in {None, new.get("format")}:
            self._say(where, f"has no longer the format {old['format']}")
        self._object(where, old, new, direction)
        for key in ("items", "additionalProperties"):
            before, after = old.get(key), new.get(key)
            if isinstance(before, dict) and isinstance(after, dict):
                self._schema(f"{where}[]", before, after, direction)

    def _values(self, where: str, old: Json, new: Json, direction: Direction) -> None:
        before, after = values(old), values(new)
        if before is None and after is None:
            return
        if direction == "request":
            if after is not None and (before is None or not before <= after):
                self._say(where, f"takes no more {_few(before - after) if before else 'any value'}")
        elif before != after and before is not None:
            changed = before ^ after if after is not None else before
            self._say(where, f"has other values: {_few(changed)}")

    def _bounds(self, where: str, old: Json, new: Json) -> None:
        for keys, sign in ((_UPPER, 1), (_LOWER, -1)):
            for key in keys:
                if key in new and (key not in old or sign * new[key] < sign * old[key]):
                    self._say(where, f"{key} is {new[key]} now")
        for key in _EXACT:
            if key in new and new[key] != old.get(key):
                self._say(where, f"has another {key}")
        if "default" in old and old["default"] != new.get("default"):
            self._say(where, "has another default")

    def _object(self, where: str, old: Json, new: Json, direction: Direction) -> None:
        before, after = old.get("properties", {}), new.get("properties", {})
        for name, schema in before.items():
            if name not in after:
                self._say(f"{where}.{name}", "is gone")
            else:
                self._schema(f"{where}.{name}", schema, after[name], direction)
        required = [set(each.get("required", [])) for each in (old, new)]
        if direction == "request":
            for name in sorted(required[1] - required[0]):
                self._say(f"{where}.{name}", "is required now")
            if (
                new.get("additionalProperties") is False
                and old.get("additionalProperties") is not False
            ):
                self._say(where, "takes no other keys now")
        else:
            for name in sorted((required[0] - required[1]) & after.keys()):
                self._say(f"{where}.{name}", "may be left out now")


def operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    """Yield path, method and operation of a document."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def branches(document: Json, schema: Json) -> list[Json]:
    """Return the alternatives that a schema is made of, references followed."""
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
    if isinstance(schema.get("type"), list):
        return [{**schema, "type": each} for each in schema["type"]]
    for union in ("anyOf", "oneOf"):
        if union in schema:
            rest = {key: value for key, value in schema.items() if key != union}
            parts = [part for each in schema[union] for part in branches(document, each)]
            return [{**rest, **part} for part in parts]
    return [schema]


def types(schema: Json) -> frozenset[str]:
    """Return the types of a schema without alternatives; none when any will do."""
    found = schema.get("type")
    return frozenset() if found is None else frozenset({found})


def _among(inner: frozenset[str], outer: frozenset[str]) -> bool:
    if not inner or not outer:
        return not outer
    return inner <= outer or (inner == {"integer"} and outer == {"number"})


def values(schema: Json) -> frozenset[str] | None:
    """Return the values that a schema lists, each as JSON; ``None`` when it lists none."""
    listed = schema.get("enum", [schema["const"]] if "const" in schema else None)
    return None if listed is None else frozenset(map(json.dumps, listed))


def plain(node: Any, *, names: bool = False) -> Any:
    """Return a document without prose and examples; ``names`` when keys are names of the API's."""
    if isinstance(node, list):
        return [plain(each) for each in node]
    if not isinstance(node, dict):
        return node
    return {
        key: plain(inner, names=not names and key in {"properties", "schemas", "headers", "links"})
        for key, inner in node.items()
        if names or key not in _PROSE
    }


def last_released() -> Path:
    """Return the document of the last release."""
    return max(RELEASED.glob("*.json"), key=lambda path: [int(x) for x in path.stem.split(".")])


def unreleased(changelog: str) -> bool:
    """Tell whether a changelog has entries that no release has."""
    found = re.search(r"^## Unreleased\n(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL)
    return found is not None and re.search(r"^- ", found[1], re.MULTILINE) is not None


def complaints(old: Mapping[str, Any], new: Mapping[str, Any], changelog: str) -> list[str]:
    """Return what is wrong with releasing ``new`` after ``old``."""
    before, after = plain(dict(old)), plain(dict(new))
    versions = [each.pop("info")["version"] for each in (before, after)]
    if before == after:
        return []
    major = [int(version.split(".")[0]) for version in versions]
    found = [] if major[1] > major[0] else Comparison(before, after).run()
    if versions[0] == versions[1] and not unreleased(changelog):
        found.append("CHANGELOG.md: says nothing under Unreleased, and the document has changed")
    return found


def _few(told: Iterable[str]) -> str:
    return ", ".join(sorted(told)[:5])


def main(arguments: list[str] | None = None) -> int:
    """Compare, or keep; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.breaking", description=__doc__)
    parser.add_argument("--release", action="store_true", help="keep the document as released")
    new = json.loads(DOCUMENT.read_text())
    if parser.parse_args(arguments).release:
        path = RELEASED / f"{new['info']['version']}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(plain(new), indent=1, sort_keys=True) + "\n")
        return 0
    old = last_released()
    found = complaints(json.loads(old.read_text()), new, CHANGELOG.read_text())
    for line in found:
        print(line)
    print(f"{len(found)} breaks since {old.stem}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
